/** Ports of this machine: one that is free, and whether somebody serves at one. */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** A server that speaks first, as sshd does, says more than that the kernel took the connection. */
export const greets = (port: number, address = '127.0.0.1'): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, address)
    const give = (value: boolean) => () => {
      socket.destroy()
      resolve(value)
    }
    socket.setTimeout(1000, give(false))
    socket.once('data', give(true)).once('error', give(false)).once('close', give(false))
  })

/** Whether something answers there in HTTP, whatever it says. */
export const greetsHttp = async (port: number): Promise<boolean> => {
  try {
    await (await fetch(`http://127.0.0.1:${port}/`, { redirect: 'manual' })).arrayBuffer()
    return true
  } catch {
    return false
  }
}
