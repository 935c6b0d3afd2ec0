/** The demonstration's identity provider, with switches that make it lie. */
import type { ServerResponse } from 'node:http'
import {
  CompactSign,
  decodeJwt,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  type JWTPayload,
} from 'jose'
import {
  type DemoPerson,
  type ProviderOptions,
  type RunningProvider,
  startProvider,
} from '../../demo/provider.ts'

export const people: readonly DemoPerson[] = [
  { name: 'jacintar', title: 'Jacinta R.', groups: ['forecasters', 'staff'], note: 'reads and executes' },
  { name: 'mel', title: 'Mel', groups: [], note: 'reads' },
  { name: 'admin', title: 'Site Admin', groups: ['site-admins'], note: 'administers' },
]

export type Lies = {
  /** Changes the claims of the next ID tokens; they are signed again with the right key. */
  idToken: ((claims: JWTPayload) => JWTPayload) | undefined
  /** Signs the next ID tokens by itself, whatever that may be. */
  sign: ((claims: JWTPayload) => Promise<string>) | undefined
  /** Changes what userinfo says. */
  userinfo: ((claims: Readonly<Record<string, unknown>>) => object) | undefined
  /** Refuses to be asked again, with this code. */
  refused: 'invalid_grant' | 'invalid_token' | undefined
  /** Whether refresh tokens are given. */
  refresh: boolean
  /** Changes the published keys. */
  jwks: ((keys: readonly JWK[]) => readonly JWK[]) | undefined
  /** Changes what it says of itself. */
  metadata: ((said: Readonly<Record<string, unknown>>) => object) | undefined
  /** Takes an answer over where it returns true: late, endless, cut, or never. */
  answer: ((path: string, response: ServerResponse) => boolean) | undefined
  /** Changes the address to which the browser is sent back. */
  callback: ((url: URL) => void) | undefined
}

export type LyingProvider = RunningProvider & {
  readonly lies: Lies
  /** Whatever a logout token should be, rightly signed unless told otherwise. */
  readonly logoutToken: (
    claims: JWTPayload,
    header?: { readonly typ?: string; readonly kid?: string },
  ) => Promise<string>
  /** From now on it signs by a key of its own making, published or not yet. */
  readonly rotate: (published: boolean) => Promise<void>
  /** Every access and refresh token that was given. */
  readonly issued: string[]
  /** Answers that were given, by path. */
  readonly asked: Map<string, number>
}

export const startLyingProvider = async (options: ProviderOptions): Promise<LyingProvider> => {
  const running = await startProvider(options)
  const lies: Lies = {
    ...{ idToken: undefined, sign: undefined, userinfo: undefined, callback: undefined },
    ...{ jwks: undefined, metadata: undefined, answer: undefined, refused: undefined, refresh: true },
  }
  const issued: string[] = []
  const asked = new Map<string, number>()
  const key = await importJWK(running.key, 'RS256')

  const rotate = async (published: boolean): Promise<void> => {
    const { privateKey, publicKey } = await generateKeyPair('RS256')
    const kid = crypto.randomUUID()
    const made: JWK = { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' }
    lies.sign = (claims) =>
      new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
        .setProtectedHeader({ alg: 'RS256', kid })
        .sign(privateKey)
    lies.jwks = published ? () => [made] : undefined
  }

  const sign = (claims: JWTPayload, header: Readonly<Record<string, string>> = {}): Promise<string> =>
    new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
      .setProtectedHeader({ alg: 'RS256', kid: String(running.key.kid), ...header })
      .sign(key)

  running.provider.use(async (ctx, next) => {
    asked.set(ctx.path, (asked.get(ctx.path) ?? 0) + 1)
    const report = ctx.onerror
    // A connection that is broken off is what was asked for, not news.
    ctx.onerror = (error) => {
      if ((error as NodeJS.ErrnoException | null)?.code !== 'ECONNRESET') report.call(ctx, error)
    }
    if (lies.answer?.(ctx.path, ctx.res) === true) {
      ctx.respond = false
      return
    }
    await next()
    if (ctx.path === '/jwks' && lies.jwks !== undefined)
      ctx.body = { keys: lies.jwks((ctx.body as { keys: readonly JWK[] }).keys) }
    if (ctx.path === '/.well-known/openid-configuration' && lies.metadata !== undefined)
      ctx.body = lies.metadata(ctx.body as Record<string, unknown>)
    const body = ctx.body as { id_token?: string; access_token?: string; refresh_token?: string } | undefined
    if (ctx.path === '/token') {
      if (!lies.refresh) delete body?.refresh_token
      issued.push(...[body?.access_token ?? [], body?.refresh_token ?? []].flat())
    }
    // A second is the least that clients take.
    if (ctx.path === '/device/auth' && ctx.status === 200) Object.assign(ctx.body ?? {}, { interval: 1 })
    if (lies.refused === 'invalid_grant' && ctx.path === '/token') {
      ctx.status = 400
      ctx.body = { error: lies.refused }
      return
    }
    if (lies.refused === 'invalid_token' && ctx.path === '/me') {
      ctx.status = 401
      ctx.set('www-authenticate', `Bearer error="${lies.refused}"`)
      ctx.body = { error: lies.refused }
      return
    }
    if (ctx.path === '/token' && typeof body?.id_token === 'string') {
      const claims = decodeJwt(body.id_token)
      if (lies.sign !== undefined) body.id_token = await lies.sign(claims)
      else if (lies.idToken !== undefined) body.id_token = await sign(lies.idToken(claims))
    }
    if (ctx.path === '/me' && lies.userinfo !== undefined && ctx.status === 200)
      ctx.body = lies.userinfo(ctx.body as Record<string, unknown>)
    const location = String(ctx.response.get('location') ?? '')
    if (lies.callback !== undefined && location.startsWith(options.redirectUris[0] ?? '?')) {
      const url = new URL(location)
      lies.callback(url)
      ctx.set('location', url.href)
    }
  })
  return {
    ...running,
    lies,
    rotate,
    issued,
    asked,
    logoutToken: (claims, header = {}) => sign(claims, { typ: 'logout+jwt', ...header }),
  }
}
