/** Programs under test, each in its own process, and what the kernel says about them. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Clock ticks per second of /proc/PID/stat. */
const ticks = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** CPU time of a process with all its threads, user and system, ms. */
export const cpuTime = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The name in parentheses may hold anything; utime and stime are the 12th and 13th field after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) / ticks) * 1000
}

/** Proportional set size, kB: what the process costs, shared pages counted in part. */
export const pss = (pid: number): number => {
  const found = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))
  if (found === null) throw new Error(`the kernel does not say what process ${pid} uses`)
  return Number(found[1])
}

/** Resident set size, kB: whatever else runs the same program does not change it. */
export const rss = (pid: number): number => {
  const found = /^Rss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))
  if (found === null) throw new Error(`the kernel does not say what process ${pid} uses`)
  return Number(found[1])
}

/** At rest: when it has stopped shrinking or growing by more than half a per cent within a second, 20 s at most. */
export const restingPss = async (pid: number): Promise<number> => {
  let before = pss(pid)
  for (let looks = 0; looks < 20; looks += 1) {
    await sleep(1000)
    const now = pss(pid)
    if (Math.abs(now - before) < before / 200) return now
    before = now
  }
  return before
}

export type Program = {
  readonly pid: number
  readonly child: ChildProcess
  readonly output: () => string
  readonly stop: () => Promise<void>
}

export type ProgramSettings = {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** What it reads from stdin, whole. */
  readonly input?: string
  readonly uid?: number
  readonly gid?: number
  /** Asked until it is true. */
  readonly isUp: (output: string) => boolean | Promise<boolean>
}

const upMs = 30_000

/** Resolves when it is up; ends it otherwise. */
export const startProgram = async (settings: ProgramSettings): Promise<Program> => {
  const { command, args, env, cwd, uid, gid } = settings
  const child = spawn(command, [...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: process.env.HOME ?? '/', ...env },
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-100_000)
    })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  child.once('error', (error) => {
    output += error.message
  })
  child.stdin.on('error', () => undefined).end(settings.input)
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
    await ended
    clearTimeout(timer)
  }
  for (const end = Date.now() + upMs; !(await settings.isUp(output)); await sleep(20)) {
    if (child.exitCode === null && child.pid !== undefined && Date.now() < end) continue
    await stop()
    throw new Error(`${command} ${args[0] ?? ''} did not come up:\n${output}`)
  }
  return { pid: child.pid ?? -1, child, output: () => output, stop }
}

/** Options of Node for a program that is to leave a profile. */
export const profiling = ({ profile }: { readonly profile?: string }): readonly string[] =>
  profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]

/** Whether an address answers at all. */
export const answers = async (url: string): Promise<boolean> => {
  try {
    await (await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(1000) })).arrayBuffer()
    return true
  } catch {
    // Not listening yet.
    return false
  }
}
