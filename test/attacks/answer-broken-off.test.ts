/** A UI server that breaks its answer off while the hub still records that somebody reads a log. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, get } from 'node:http'
import { constants, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createUpstream } from '../../hub/proxy/upstream.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { pairStreams } from '../../wire/pair.ts'
import { createTunnelClient, serveTunnel } from '../../wire/tunnel.ts'

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_REFUSED_STREAM } = constants

for (const code of [NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_REFUSED_STREAM])
  test(`an answer broken off with code ${code} before its head was told is an error, once`, async (t) => {
    let answers = 0
    const hostile: Parameters<typeof serveTunnel>[1] = (stream) => {
      stream.once('data', () => {
        answers += 1
        stream.write('HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\nabc')
        setTimeout(() => (stream as ServerHttp2Stream).close(code), 5)
      })
    }
    const tunnel = createTunnelClient({
      open: async () => {
        const [up, down] = [new PassThrough(), new PassThrough()]
        serveTunnel(pairStreams(up, down), hostile)
        return pairStreams(down, up)
      },
    })
    const upstream = createUpstream({
      servers: {
        audience: () => 'atmosphere_stage/1',
        dial: (_account: string, signal?: AbortSignal) => tunnel.dial(signal),
        suspect: () => undefined,
      } as unknown as Parameters<typeof createUpstream>[0]['servers'],
    })
    let taken = 0
    let recorded = 0
    const hub = createServer((_request, response) => {
      const take = () => {
        taken += 1
      }
      const head = async () => {
        await pause(60)
        recorded += 1
        return { 'content-type': 'text/plain' }
      }
      upstream
        .pass(
          { audience: 'atmosphere_stage/1', method: 'GET', path: '/x', headers: {} },
          { response, head, take },
        )
        .catch((thrown: unknown) => {
          response.statusCode = thrown instanceof SeneschalError ? thrown.status : 500
          response.end()
        })
    }).listen(0, '127.0.0.1')
    await once(hub, 'listening')
    t.after(async () => {
      await upstream.close()
      tunnel.close()
      hub.closeAllConnections()
      hub.close()
    })

    const request = get({ port: (hub.address() as AddressInfo).port, host: '127.0.0.1', agent: false })
    const [response] = await once(request, 'response')
    response.resume()
    assert.equal(response.statusCode, 502)
    await pause(100)
    assert.deepEqual({ answers, recorded, taken }, { answers: 1, recorded: 1, taken: 0 })
  })
