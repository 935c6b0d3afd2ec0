/** Two pipes and a socket as one way through, until either side is done. */
import type { Socket } from 'node:net'
import type { VerbContext } from './verb.ts'

/** Resolves when the socket has closed; the caller leaving closes it. */
export const joinSocket = ({ stdin, stdout }: VerbContext, socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    // Whatever breaks, the other side sees the end, and both ends have their own protocol to tell a cut from an end.
    socket.once('error', () => socket.destroy())
    socket.once('close', () => resolve())
    stdin.once('close', () => socket.destroy())
    stdin.pipe(socket)
    socket.pipe(stdout)
  })
