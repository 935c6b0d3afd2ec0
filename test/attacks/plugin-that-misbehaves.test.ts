import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { daemonWithPlugins, needsSandbox, pluginDirectory, pluginSource } from '../harness/plugins.ts'
import { until } from '../harness/until.ts'

const leaf = "{ kind: 'job', argv: ['/bin/true'] }"

/** A full pipe does not stop it. */
const flood = (descriptor: number): string =>
  `const { writeSync } = await import('node:fs'); for (;;) try { writeSync(${descriptor}, 'x'.repeat(65536)) } catch {}`

/** What each does when it is asked, and the code that its request ends with. */
const misdeeds: Readonly<Record<string, readonly [what: string, code: string]>> = {
  throws: ["throw new Error('no')", 'plugin.failed'],
  rejects: [
    "setTimeout(() => Promise.reject(new Error('later'))); await new Promise(() => {})",
    'plugin.failed',
  ],
  loops: ['for (;;) {}', 'plugin.timeout'],
  hangs: ['await new Promise(() => {})', 'plugin.timeout'],
  exits: ['process.exit(0)', 'plugin.failed'],
  'kills-itself': ["process.kill(process.pid, 'SIGKILL')", 'plugin.failed'],
  'eats-heap': ['const all = []; for (;;) all.push({ some: [1, 2, 3] })', 'plugin.failed'],
  'eats-buffers': ['const all = []; for (;;) all.push(Buffer.alloc(1 << 24, 1))', 'plugin.failed'],
  'floods-output': [flood(1), 'plugin.failed'],
  'floods-answers': [flood(3), 'plugin.failed'],
  'forges-answers': [
    `const { writeSync } = await import('node:fs'); writeSync(3, '{"id":999,"step":{"kind":"sequence","steps":[]}}\\n'); await new Promise(() => {})`,
    'plugin.failed',
  ],
  'answers-nothing': ['return undefined', 'plugin.failed'],
  'answers-garbage': ["return { kind: 'shell', command: 'id' }", 'plugin.failed'],
  'adds-keys': [`return { ...${leaf}, uid: 0 }`, 'plugin.failed'],
  'plans-hugely': [`return { kind: 'parallel', steps: Array(100_000).fill(${leaf}) }`, 'plugin.failed'],
  'plans-deeply': [
    "let step = { kind: 'sequence', steps: [] }; for (let i = 0; i < 5000; i += 1) step = { kind: 'sequence', steps: [step] }; return step",
    'plugin.failed',
  ],
  'plans-too-much': [`return { kind: 'sequence', steps: Array(101).fill(${leaf}) }`, 'plugin.failed'],
  'leaves-children': [
    "const { spawn } = await import('node:child_process'); spawn('/bin/sleep', ['86412'], { detached: true, stdio: 'ignore' }).unref(); for (;;) {}",
    'plugin.timeout',
  ],
}

const isRunning = (words: string): boolean =>
  readdirSync('/proc').some((pid) => {
    if (!/^[0-9]+$/.test(pid)) return false
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').includes(words)
    } catch {
      // It ended while we looked.
      return false
    }
  })

test(
  'a plugin that misbehaves fails its own request; the daemon and the other plugins go on',
  needsSandbox,
  async (t) => {
    const plan = Object.entries(misdeeds)
      .map(([name, [what]]) => `if (args.what === '${name}') { ${what} }`)
      .join('\n')
    const source = pluginSource({ plan: `${plan}\nreturn { kind: 'sequence', steps: [] }` })
    const directory = await pluginDirectory(t, { 'bad/bad.ts': source, 'slow/slow.ts': source })
    const site = await daemonWithPlugins(
      t,
      [directory],
      [
        // Those that never end soon end here; the others have the time they need.
        { name: 'slow', timeLimit: 'PT1S' },
        { name: 'bad', timeLimit: 'PT60S', memory: 64 },
        { name: 'echo', timeLimit: 'PT60S' },
      ],
    )
    for (const [name, [, code]] of Object.entries(misdeeds)) {
      const plugin = code === 'plugin.timeout' ? 'slow' : 'bad'
      const ask = (what: string) => site.ask({ action: 'submit', plugin, args: { what } })
      const answering = ask(name)
      const beside = await site.ask({ action: 'submit', plugin: 'echo', args: { text: [name] } })
      assert.equal(beside.state, 'done', `echo beside ${name}`)
      const answer = await answering
      assert.deepEqual([answer.state, answer.code], ['failed', code], name)
      // An honest request ends the row of failures.
      await until(async () => (await ask('nothing')).state === 'done', 60_000)
    }
    assert.equal(isRunning('sleep 86412'), false, 'nothing that it started is left')
    assert.deepEqual(site.daemon.status(), { state: 'running', problem: null })
  },
)
