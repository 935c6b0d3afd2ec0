/** The description of the interface against what a hub really answers. */
import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { operations } from '../../hub/openapi.ts'
import { sessionsBody } from '../../protocol/sessions.ts'
import { setUpHost } from '../harness/break-glass.ts'
import { send } from '../harness/http.ts'
import { origin, startTestHub } from '../harness/hub.ts'

type Answered = { readonly status: number; readonly type: string | undefined; readonly body: unknown }

test('every operation answers with the status, the type and the shape that are described', async (t) => {
  const h = await startTestHub(t, { config: { commandLine: { enabled: true } } })
  const admin = await h.signIn('admin')
  await h.raise(admin, 'write')
  const jacintar = await h.signIn('jacintar')
  const stranger = h.visitor()
  const account = '/api/accounts/atmosphere_stage'

  const of = ({ status, headers, body, text }: Awaited<ReturnType<typeof send>>): Answered => ({
    status,
    type: text === '' ? undefined : headers['content-type']?.split(';')[0],
    body: body ?? (text === '' ? undefined : text),
  })
  const page = { headers: { accept: 'text/html' } }
  const read = async (path: string, by = admin, options = {}) => of(await by.ask('GET', path, options))
  const change = async (method: string, path: string, body?: unknown, by = admin) =>
    of(await by.change(method, path, body))
  const socket = async (path: string): Promise<Answered> => {
    const { socket: opened, closed } = await admin.socket(path)
    opened.close()
    await closed
    return { status: 101, type: undefined, body: undefined }
  }
  const firstEvent = async (path: string): Promise<Answered> => {
    const headers = { host: 'hub.test', cookie: admin.cookieHeader(new URL(path, origin)) }
    const request = get({ port: h.port, host: '127.0.0.1', path, headers, agent: false })
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    const [chunk] = await once(answer.setEncoding('utf8'), 'data')
    request.destroy()
    const data = /^data: (.*)$/m.exec(String(chunk))?.[1] ?? ''
    const type = answer.headers['content-type']
    return { status: answer.statusCode ?? 0, type, body: JSON.parse(data) }
  }

  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x = '', y = '' } = pair.publicKey.export({ format: 'jwk' })
  let made: { kiosk: { kiosk: string }; code: string } | undefined
  let request = ''
  let nonce = ''
  let token = ''
  /** The latest session that is not of who asks. */
  const elsewhere = (body: unknown) => sessionsBody.parse(body).sessions.find(({ own }) => !own)?.session
  const kiosk = () => made?.kiosk.kiosk ?? ''

  /** In an order in which each finds what it needs. */
  const ask: Readonly<Record<keyof typeof operations, () => Promise<Answered>>> = {
    'GET /auth/login': () => read('/auth/login', stranger),
    'GET /auth/callback': () => read('/auth/callback?state=x', stranger, page),
    'POST /auth/backchannel-logout': async () => {
      const token = await h.provider.logoutToken({
        iss: h.provider.issuer,
        aud: 'seneschal',
        iat: Math.floor(Date.now() / 1000),
        exp: Math.floor(Date.now() / 1000) + 60,
        jti: 'one',
        sub: 'nobody',
        events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
      })
      const body = `logout_token=${token}`
      const headers = {
        host: 'hub.test',
        'content-type': 'application/x-www-form-urlencoded',
        'content-length': `${body.length}`,
      }
      return of(await send(h.port, 'POST', '/auth/backchannel-logout', headers, body))
    },
    'POST /auth/elevate': () => change('POST', '/auth/elevate', { class: 'execute' }, jacintar),
    'POST /auth/break-glass': async () => {
      const host = await setUpHost(t, h)
      return change('POST', '/auth/break-glass', { code: await host.order('jacintar') }, stranger)
    },
    'POST /auth/device': () => change('POST', '/auth/device', {}, stranger),
    'POST /auth/device/raise': () => change('POST', '/auth/device/raise', { class: 'execute' }, jacintar),
    'POST /auth/device/token': async () => {
      const { body } = await change('POST', '/auth/device', {}, stranger)
      const { device } = body as { readonly device: string }
      return change('POST', '/auth/device/token', { device }, stranger)
    },
    'GET /api/session': () => read('/api/session'),
    'GET /api/accounts': () => read('/api/accounts'),
    'GET /api/accounts/{account}': () => read(account),
    'POST /api/accounts/{account}/server': () => change('POST', `${account}/server`),
    'GET /api/accounts/{account}/server/progress': () => firstEvent(`${account}/server/progress`),
    'POST /api/accounts/{account}/actions/{action}': async () => {
      const answer = await change('POST', `${account}/actions/hold`, { workflow: 'clouds' })
      request = (answer.body as { request: string }).request
      return answer
    },
    'GET /api/requests/{id}': () => read(`/api/requests/${request}`),
    'DELETE /api/accounts/{account}/server': () => change('DELETE', `${account}/server`),
    'GET /api/wall': () => socket('/api/wall'),
    'GET /api/audit': () => read('/api/audit'),
    'GET /api/audit/export': async () => {
      const answer = await read('/api/audit/export')
      return { ...answer, body: JSON.parse(String(answer.body).split('\n')[0] ?? '') }
    },
    'GET /api/audit/stream': () => socket('/api/audit/stream'),
    'GET /api/accounts/{account}/permissions': () => read(`${account}/permissions?workflow=clouds`),
    'POST /api/accounts/{account}/permissions/preview': () =>
      change('POST', `${account}/permissions/preview`, { workflow: 'clouds', text: 'kill: []' }),
    'GET /api/explain/all': () => read('/api/explain/all?account=atmosphere_stage'),
    'GET /api/explain': () => read('/api/explain?action=hold&account=atmosphere_stage'),
    'GET /api/sessions': () => read('/api/sessions', jacintar),
    'DELETE /api/sessions/{session}': async () => {
      await h.signIn('jacintar')
      const { body } = await read('/api/sessions', jacintar)
      return change('DELETE', `/api/sessions/${elsewhere(body)}`, undefined, jacintar)
    },
    'DELETE /api/sessions': () => change('DELETE', '/api/sessions', undefined, jacintar),
    'GET /api/admin/sessions': () => read('/api/admin/sessions'),
    'DELETE /api/admin/sessions/{session}': async () => {
      await h.signIn('jacintar')
      const { body } = await read('/api/admin/sessions')
      return change('DELETE', `/api/admin/sessions/${elsewhere(body)}`)
    },
    'POST /api/tokens': async () => {
      const scope = { reads: ['view'], on: null }
      const answer = await change('POST', '/api/tokens', { name: 'nightly', scope }, jacintar)
      token = (answer.body as { row: { token: string } }).row.token
      return answer
    },
    'GET /api/tokens': () => read('/api/tokens', jacintar),
    'DELETE /api/tokens/{token}': () => change('DELETE', `/api/tokens/${token}`, undefined, jacintar),
    'GET /api/admin/tokens': () => read('/api/admin/tokens'),
    'DELETE /api/admin/tokens/{token}': async () => {
      const scope = { reads: ['view'], on: null }
      const { body } = await change('POST', '/api/tokens', { name: 'weekly', scope }, jacintar)
      return change('DELETE', `/api/admin/tokens/${(body as { row: { token: string } }).row.token}`)
    },
    'POST /api/admin/servers/{account}': () => change('POST', '/api/admin/servers/atmosphere_stage'),
    'GET /api/admin/servers': () => read('/api/admin/servers'),
    'GET /api/admin/servers/{account}/log': () => read('/api/admin/servers/atmosphere_stage/log'),
    'POST /api/admin/hosts/{host}/condemned': () =>
      change('POST', '/api/admin/hosts/here/condemned', { reason: 'new disks' }),
    'GET /api/admin/hosts': () => read('/api/admin/hosts'),
    'POST /api/admin/hosts/{host}/migrate': () =>
      change('POST', '/api/admin/hosts/here/migrate', { which: 'idle' }),
    'DELETE /api/admin/hosts/{host}/condemned': () => change('DELETE', '/api/admin/hosts/here/condemned'),
    'GET /api/admin/locks': () => read('/api/admin/locks'),
    'POST /api/admin/locks': () =>
      change('POST', '/api/admin/locks', { on: { kind: 'host', name: 'n1' }, reason: 'new disks' }),
    'DELETE /api/admin/locks/{lock}': async () => {
      const { body } = await read('/api/admin/locks')
      const [first] = (body as { readonly locks: readonly { readonly id: string }[] }).locks
      return change('DELETE', `/api/admin/locks/${first?.id}`)
    },
    'POST /api/admin/kiosks': async () => {
      const answer = await change('POST', '/api/admin/kiosks', { name: 'north' })
      made = answer.body as typeof made
      return answer
    },
    'GET /api/admin/kiosks': () => read('/api/admin/kiosks'),
    'POST /api/admin/kiosks/{kiosk}': () =>
      change('POST', `/api/admin/kiosks/${kiosk()}`, { name: 'north, left' }),
    'POST /api/kiosk/enrol': () =>
      change('POST', '/api/kiosk/enrol', { code: made?.code, key: { kty: 'EC', crv: 'P-256', x, y } }),
    'GET /api/kiosk/nonce': async () => {
      const answer = await read(`/api/kiosk/nonce?kiosk=${kiosk()}`)
      nonce = (answer.body as { nonce: string }).nonce
      return answer
    },
    'POST /api/kiosk/session': () => {
      const key = { key: pair.privateKey, dsaEncoding: 'ieee-p1363' } as const
      const signature = sign('sha256', Buffer.from(nonce), key).toString('base64url')
      return change('POST', '/api/kiosk/session', { kiosk: kiosk(), nonce, signature })
    },
    'DELETE /api/admin/kiosks/{kiosk}': () => change('DELETE', `/api/admin/kiosks/${kiosk()}`),
    'GET /api/openapi.json': () => read('/api/openapi.json'),
    'GET /healthz': () => read('/healthz'),
    'GET /readyz': () => read('/readyz'),
    'GET /metrics': () => read('/metrics'),
    'GET /.well-known/jwks.json': () => read('/.well-known/jwks.json'),
    'DELETE /auth/elevation': () => change('DELETE', '/auth/elevation'),
    'POST /auth/logout': () => change('POST', '/auth/logout'),
  }
  assert.deepEqual(Object.keys(ask).toSorted(), Object.keys(operations).toSorted())
  for (const [name, answered] of Object.entries(ask)) {
    const operation = operations[name]
    const { status, type, body } = await answered()
    assert.equal(status, operation?.status ?? 200, `${name}: ${JSON.stringify(body)}`)
    if (status === 101 || status === 303) continue
    assert.equal(type, operation?.gives && (operation.mediaType ?? 'application/json'), name)
    const told = operation?.gives?.safeParse(body)
    assert.ok(told?.success !== false, `${name}: ${told?.error}`)
  }
})
