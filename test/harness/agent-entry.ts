/**
 * A far side for tests of the road alone: the real agent, with a small real HTTP server behind the real tunnel in the
 * UI server's place and an echo in the supervisor's.
 */
import { createServer } from 'node:http'
import { constants, performServerHandshake } from 'node:http2'
import { createServer as createNetServer, type Socket } from 'node:net'
import { type Duplex, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { isAgentRole } from '../../protocol/agent-line.ts'
import { runAgent } from '../../uiserver/agent/run-agent.ts'

const zeros = function* (bytes: number) {
  for (let left = bytes; left > 0; left -= 65_536) yield Buffer.alloc(Math.min(left, 65_536))
}

/** A far end that has had enough after five streams per session, as one does whose memory is full. */
const serveFew = (carrier: Socket, onStream: (stream: Duplex) => void) => {
  let count = 0
  performServerHandshake(carrier)
    .on('error', () => undefined)
    .on('stream', (stream) => {
      stream.on('error', () => undefined)
      count += 1
      if (count > 5) return stream.close(constants.NGHTTP2_REFUSED_STREAM)
      stream.respond({ ':status': 200 })
      onStream(stream)
    })
}

const serve = async () => {
  const { serverSettings } = await import('../../protocol/agent.ts')
  const { serveTunnel } = await import('../../wire/tunnel.ts')
  const settings = serverSettings.parse(JSON.parse(await text(process.stdin)))
  // `issuer` is free text to the agent; here it picks how the server behaves.
  if (settings.issuer === 'breaks') {
    console.log('reading its data')
    console.error('the data is on fire')
    process.exit(3)
  }
  if (settings.issuer === 'slow') {
    console.log(JSON.stringify({ progress: 'Still reading.' }))
    await new Promise((resolve) => setTimeout(resolve, 60_000))
  }
  if (settings.issuer === 'late') await new Promise((resolve) => setTimeout(resolve, 900))
  const http = createServer((request, answer) => {
    const url = new URL(request.url ?? '/', 'http://server')
    if (url.pathname === '/zeros') Readable.from(zeros(Number(url.searchParams.get('bytes')))).pipe(answer)
    else if (url.pathname === '/echo') request.pipe(answer)
    else
      answer.end(
        JSON.stringify({
          uid: process.getuid?.(),
          pid: process.pid,
          instance: settings.instance,
          arguments: process.argv,
          environment: process.env,
        }),
      )
  })
  const server = createNetServer((socket) => {
    const accept = (stream: Duplex) => void http.emit('connection', stream)
    if (settings.issuer === 'refuses') serveFew(socket, accept)
    else serveTunnel(socket, accept)
  })
  server.listen(settings.socket, () => console.log(JSON.stringify({ ready: true })))
}

const supervise = async () => {
  const { supervisorSettings } = await import('../../protocol/agent.ts')
  const settings = supervisorSettings.parse(JSON.parse(await text(process.stdin)))
  const server = createNetServer((socket) => {
    // As the real one, it speaks first, and does not mind who leaves.
    socket.on('error', () => undefined)
    socket.write('greeting\n')
    socket.pipe(socket)
  })
  server.listen(settings.socket, () => console.log(JSON.stringify({ ready: true })))
}

const [, entry = '', verb, , role, , site] = process.argv
if (verb === 'uiserver') await serve()
else if (verb === 'supervisor') await supervise()
else if (verb === 'agent' && isAgentRole(role))
  process.exit(
    await runAgent({
      role,
      site,
      originalCommand: process.env.SSH_ORIGINAL_COMMAND,
      stdin: process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
      env: process.env,
      entry,
    }),
  )
else throw new Error(`unknown: ${process.argv.slice(2).join(' ')}`)
