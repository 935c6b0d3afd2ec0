/** Ports that the demonstration needs, looked at before anything is started. */
import { createServer } from 'node:net'
import { SeneschalError } from '../protocol/errors.ts'

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })

export const mustBeFree = async (ports: readonly number[]): Promise<void> => {
  for (const port of ports)
    if (!(await isFree(port)))
      throw new SeneschalError(
        'usage',
        `Port ${port} is taken, perhaps by another demonstration; choose others with --port.`,
      )
}
