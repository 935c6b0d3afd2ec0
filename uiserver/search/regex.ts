/**
 * Regular expressions of people, in a thread of their own: V8 falls back to its linear engine where an expression
 * backtracks too much, and what that engine cannot do either is ended at its deadline, nobody else having waited.
 */
import { setFlagsFromString } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { SeneschalError } from '../../protocol/errors.ts'
import type { Matcher } from './scan.ts'

/** For one block of lines, ms. */
const usualDeadline = 1000

/** Source text, because a build makes one file of everything: a worker has no file of its own to start from. */
const program = `
const { parentPort, workerData } = require('node:worker_threads')
const pattern = new RegExp(workerData)
parentPort.on('message', (bytes) => {
  const block = Buffer.from(bytes)
  const found = []
  for (let start = 0; start < block.length; ) {
    const newline = block.indexOf(10, start)
    const end = newline === -1 ? block.length : newline
    if (pattern.test(block.toString('utf8', start, end))) found.push(start)
    start = end + 1
  }
  parentPort.postMessage(found)
})`

export type RegexMatcher = { readonly matches: Matcher; readonly close: () => Promise<void> }

/** Throws `input.invalid` for what is no expression; its `matches` rejects with `search.too-slow`. */
export const regexMatcher = (source: string, deadline = usualDeadline): RegexMatcher => {
  try {
    new RegExp(source)
  } catch (cause) {
    throw new SeneschalError('input.invalid', 'This is not a regular expression.', { cause })
  }
  setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks')
  const worker = new Worker(program, {
    eval: true,
    workerData: source,
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 },
  })
  let broken = false
  // Out of memory, also after its block was given up on: an error that nobody hears ends the process.
  worker.on('error', () => {
    broken = true
  })
  return {
    matches: (block) =>
      new Promise((resolve, reject) => {
        if (broken) return reject(new SeneschalError('search.too-slow'))
        const settle = () => {
          clearTimeout(timer)
          worker.off('message', answered).off('error', failed)
        }
        const answered = (found: readonly number[]) => {
          settle()
          resolve(found)
        }
        const failed = (cause: unknown) => {
          settle()
          reject(new SeneschalError('search.too-slow', undefined, { cause }))
        }
        const timer = setTimeout(failed, deadline)
        worker.once('message', answered).once('error', failed)
        worker.postMessage(block)
      }),
    close: async () => {
      await worker.terminate()
    },
  }
}
