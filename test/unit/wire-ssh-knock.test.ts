import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { knock } from '../../wire/ssh-knock.ts'
import { freePort } from '../harness/ports.ts'

const serve = async (t: TestContext, greet: (socket: Socket) => void): Promise<number> => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined))
    greet(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as { port: number }).port
}
const at = (port: number) => ({ host: '127.0.0.1', port })
const soon = () => AbortSignal.timeout(150)
const later = () => AbortSignal.timeout(5000)

test('a host is there when it greets, refuses, or hangs up; not when it says nothing', async (t) => {
  assert.equal(await knock(at(await serve(t, (socket) => socket.write('SSH-2.0-x\r\n'))), later()), true)
  assert.equal(await knock(at(await freePort()), later()), true)
  assert.equal(await knock(at(await serve(t, (socket) => socket.end())), later()), true)
  assert.equal(await knock(at(await serve(t, () => undefined)), soon()), false)
})

test('through a bastion only a greeting is a word of the host', async () => {
  const through = (open: () => Promise<PassThrough>) => ({ open, close: () => undefined })
  const greeting = async () => {
    const stream = new PassThrough()
    stream.write('SSH-2.0-x\r\n')
    return stream
  }
  const hangingUp = async () => {
    const stream = new PassThrough()
    setImmediate(() => stream.destroy())
    return stream
  }
  assert.equal(await knock({ ...at(22), jump: through(greeting) }, later()), true)
  assert.equal(await knock({ ...at(22), jump: through(hangingUp) }, later()), false)
  const refusing = through(() => Promise.reject(new Error('no way')))
  assert.equal(await knock({ ...at(22), jump: refusing }, later()), false)
})
