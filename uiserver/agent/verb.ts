/** What a verb of the agent is given. */
import type { Readable, Writable } from 'node:stream'
import type { Environment } from '../../wire/environment.ts'

export type VerbContext = {
  /** The caller's line, parsed as JSON but not yet checked. */
  readonly input: unknown
  /** What follows that line. */
  readonly stdin: Readable
  readonly stdout: Writable
  readonly env: Environment
  /** The installation's entry file: children are verbs of it. */
  readonly entry: string
  /** The site directory that the forced command names, for `feed`. */
  readonly site: string | undefined
  /** Where the forced command says that Slurm's commands are, for `submit`, `queue` and `cancel`. */
  readonly slurm?: string | undefined
  readonly progress: (text: string) => void
  /** Once, and last, except that `connect` and `jobs` go on with bytes and `feed` with lines. */
  readonly answer: (value: unknown) => void
}

export type Verb = (context: VerbContext) => Promise<void>

/**
 * Aborted when the caller's end of stdin closes: it gave up, was killed, or lost its connection. Drops whatever else
 * comes; not for verbs that pass stdin on.
 */
export const whenCallerLeaves = (stdin: Readable): AbortSignal => {
  const left = new AbortController()
  const leave = () => left.abort(new Error('The caller left.'))
  if (stdin.readableEnded || stdin.destroyed) leave()
  else stdin.once('end', leave).once('close', leave).once('error', leave).resume()
  return left.signal
}
