/**
 * A plugin in any other language: started for each question, which is one line of JSON on its standard input; its
 * answer is one JSON value on its standard output, and it ends with 0. One that reads line after line does so too.
 */
import { spawn } from 'node:child_process'
import { buffer } from 'node:stream/consumers'
import { hostLineLimit } from './host-messages.ts'

export type Program = (message: unknown) => Promise<unknown>

const parse = (output: Buffer): unknown => {
  try {
    return JSON.parse(output.toString('utf8'))
  } catch {
    throw new Error(output.length === 0 ? 'it answered nothing' : 'its answer is not JSON')
  }
}

export const createProgram =
  ([path, ...args]: readonly [string, ...string[]]): Program =>
  async (message) => {
    const child = spawn(path, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    // Who answers without having read the question did not need it.
    child.stdin.on('error', () => undefined)
    let size = 0
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > hostLineLimit) child.kill('SIGKILL')
    })
    const ended = new Promise<string | undefined>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signal) => resolve(code === 0 ? undefined : (signal ?? `exit ${code}`)))
    })
    child.stdin.end(`${JSON.stringify(message)}\n`)
    const [output, how] = await Promise.all([buffer(child.stdout), ended])
    if (size > hostLineLimit) throw new Error('its answer is too long')
    if (how !== undefined) throw new Error(`it ended with ${how}`)
    return parse(output)
  }
