/** The command line of a person: a home of its own, processes of its own, and a browser elsewhere that confirms. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { until } from './until.ts'
import type { Visitor } from './visitor.ts'

const main = join(dirname(dirname(import.meta.dirname)), 'cli/main.ts')

export type Ran = { readonly code: number | null; readonly out: string; readonly err: string }
export type Running = {
  readonly child: ChildProcess
  readonly out: () => string
  readonly err: () => string
  readonly ended: Promise<Ran>
}
export type Environment = Readonly<Record<string, string>>

export type CommandLine = {
  readonly home: string
  readonly start: (args: readonly string[], env?: Environment) => Running
  readonly seneschal: (...args: readonly string[]) => Promise<Ran>
}

export const createCommandLine = (t: { readonly after: (end: () => void) => void }): CommandLine => {
  const home = mkdtempSync(join(tmpdir(), 'seneschal-home-'))
  t.after(() => rmSync(home, { recursive: true }))
  const start: CommandLine['start'] = (args, env = {}) => {
    const child = spawn(process.execPath, [main, ...args], {
      env: { HOME: home, PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const said = { out: '', err: '' }
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said.out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said.err += text
    })
    const ended = new Promise<Ran>((resolve) => child.once('close', (code) => resolve({ code, ...said })))
    return { child, out: () => said.out, err: () => said.err, ended }
  }
  return { home, start, seneschal: (...args) => start(args).ended }
}

/** What the person does with what the command line shows. */
export const confirmWith = async (browser: Visitor, running: Running, person: string): Promise<Ran> => {
  await until(() => /confirm the code/.test(running.err()), 20_000)
  const [, uri = ''] = /Open (\S+)/.exec(running.err()) ?? []
  const asked = await browser.submit(await browser.open(uri), {})
  const [, code = '?'] = /the code (\S+)/.exec(running.err()) ?? []
  assert.ok(asked.text.includes(code), 'the same code on both sides')
  await browser.submit(await browser.submit(asked, {}), { name: person, password: person })
  return running.ended
}
