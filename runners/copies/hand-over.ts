/** A connection to the supervisor that becomes a copier's: the copier ends with it, and it with the copier. */
import { spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import type { CopyOrder } from '../../protocol/copies.ts'

export type CopierProgram = readonly [string, ...string[]]

/** A copier whose input has ended says how that ended within this, ms. */
const lastWords = 30_000

/** Nobody reads from `connection` any more; the answer that says so was written. */
export const handOver = (
  connection: Socket,
  order: CopyOrder,
  [program, ...args]: CopierProgram,
  env: Readonly<Record<string, string>>,
  onProblem: (error: Error) => void,
): void => {
  const child = spawn(program, args, { env, cwd: '/', stdio: ['pipe', 'pipe', 'inherit'] })
  child.once('error', (error) => {
    onProblem(error)
    connection.destroy()
  })
  // Either may be gone before the other: both learn of it by the close of their pipes.
  child.stdin.on('error', () => connection.destroy())
  child.stdout.on('error', () => connection.destroy())
  // Whoever has said all still hears how it ended.
  connection.allowHalfOpen = true
  connection.once('end', () => {
    const over = setTimeout(() => child.kill('SIGKILL'), lastWords)
    child.once('exit', () => clearTimeout(over))
  })
  child.stdin.write(`${JSON.stringify(order)}\n`)
  connection.pipe(child.stdin)
  child.stdout.pipe(connection)
  connection.once('close', () => child.kill('SIGKILL'))
}
