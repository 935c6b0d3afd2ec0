/**
 * The server behind every proxy of the bench: the same small answer and the same sockets over TCP (for direct, for
 * the peers) and through the tunnel (for the hub). Started by the real agent in a UI server's place.
 */
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createDoor } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { serverSettings } from '../../protocol/agent.ts'
import { isAgentRole } from '../../protocol/agent-line.ts'
import { runAgent } from '../../uiserver/agent/run-agent.ts'
import { serveTunnel } from '../../wire/tunnel.ts'
import { serveSockets } from './sockets.ts'

const body = JSON.stringify({
  workflows: [{ workflow: 'clouds', state: 'running', held: false, counts: { running: 3, waiting: 12 } }],
})

const serve = async (): Promise<void> => {
  const settings = serverSettings.parse(JSON.parse(await text(process.stdin)))
  const http = createServer({ keepAliveTimeout: 60_000 }, (_request, response) => {
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    })
    response.end(body)
  })
  serveSockets(http)
  const door = createDoor((carrier) => {
    carrier.on('error', () => carrier.destroy())
    serveTunnel(carrier, (stream) => void http.emit('connection', stream))
  })
  http.listen(0, '127.0.0.1', () => {
    const { port } = http.address() as AddressInfo
    writeFileSync(
      join(process.env.HOME ?? '/', 'bench-upstream.json'),
      JSON.stringify({ port, pid: process.pid }),
    )
    door.listen(settings.socket, () => console.log(JSON.stringify({ ready: true })))
  })
}

const [, entry = '', verb, , role] = process.argv
if (verb === 'uiserver') await serve()
else if (verb === 'agent' && isAgentRole(role))
  process.exit(
    await runAgent({
      role,
      originalCommand: process.env.SSH_ORIGINAL_COMMAND,
      stdin: process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
      env: process.env,
      entry,
    }),
  )
else throw new Error(`unknown: ${process.argv.slice(2).join(' ')}`)
