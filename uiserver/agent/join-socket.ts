/** Two pipes and a socket as one way through, until either side is done. */
import type { Socket } from 'node:net'
import type { VerbContext } from './verb.ts'

/** Whoever is told that nothing more comes has this long for what it still has to say, ms. */
const lastWords = 35_000

/** Resolves when the socket has closed. A caller that ends its input hears the rest; one that is gone closes it. */
export const joinSocket = ({ stdin, stdout }: VerbContext, socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    let patience: NodeJS.Timeout | undefined
    // Whatever breaks, the other side sees the end, and both ends have their own protocol to tell a cut from an end.
    socket.once('error', () => socket.destroy())
    socket.once('close', () => {
      clearTimeout(patience)
      resolve()
    })
    stdin.once('end', () => {
      patience = setTimeout(() => socket.destroy(), lastWords)
    })
    stdin.once('close', () => {
      if (!stdin.readableEnded) socket.destroy()
    })
    stdout.once('error', () => socket.destroy())
    stdin.pipe(socket)
    socket.pipe(stdout)
  })
