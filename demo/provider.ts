/**
 * An identity provider for demonstration and tests: oidc-provider on loopback, in memory, where everybody's
 * password is their name.
 */
import { timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import Provider, { type Configuration } from 'oidc-provider'
import {
  codeDonePage,
  confirmCodePage,
  errorPage,
  loginPage,
  logoutPage,
  signedOutPage,
  userCodePage,
} from './provider-pages.ts'
import { memoryStore } from './provider-store.ts'

export type DemoPerson = {
  /** Subject, preferred_username and password. */
  readonly name: string
  /** Display name. */
  readonly title: string
  readonly groups: readonly string[]
  /** What the sign-in page says about this person. */
  readonly note: string
}

export type ProviderOptions = {
  readonly port: number
  /** Loopback only; another one than the hub's, so that neither sees the other's cookies. */
  readonly host?: string
  readonly clientId: string
  readonly clientSecret: string
  readonly redirectUris: readonly string[]
  readonly postLogoutRedirectUris: readonly string[]
  readonly backchannelLogoutUri: string
  readonly people: readonly DemoPerson[]
  /** Of the site that people sign in to. */
  readonly title: string
  /** ms; the wall clock unless told otherwise. */
  readonly now?: () => number
  /** How the hub is told of a logout. */
  readonly fetch?: typeof globalThis.fetch
}

export type RunningProvider = {
  readonly issuer: string
  /** For tests that make it lie: the provider itself and the private key that signs its tokens. */
  readonly provider: Provider
  readonly key: JWK
  readonly close: () => Promise<void>
}

const signingKey = async (): Promise<JWK> => {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  return { ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: crypto.randomUUID() }
}

const same = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

const configuration = (options: ProviderOptions, key: JWK): Configuration => ({
  adapter: memoryStore(options.now ?? Date.now),
  clients: [
    {
      client_id: options.clientId,
      client_secret: options.clientSecret,
      client_name: options.title,
      redirect_uris: [...options.redirectUris],
      post_logout_redirect_uris: [...options.postLogoutRedirectUris],
      backchannel_logout_uri: options.backchannelLogoutUri,
      backchannel_logout_session_required: true,
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      response_types: ['code'],
      require_auth_time: true,
    },
  ],
  jwks: { keys: [{ ...key }] },
  cookies: {
    keys: [crypto.randomUUID()],
    names: { session: 'demo_idp', interaction: 'demo_idp_interaction', resume: 'demo_idp_resume' },
  },
  claims: { openid: ['sub'], profile: ['preferred_username', 'name', 'groups'] },
  scopes: ['openid', 'profile'],
  findAccount: (_ctx, id) => {
    const person = options.people.find(({ name }) => name === id)
    return person === undefined
      ? undefined
      : {
          accountId: id,
          claims: async () => ({
            sub: id,
            preferred_username: person.name,
            name: person.title,
            groups: [...person.groups],
          }),
        }
  },
  // There is one client and it is ours: whoever signs in has consented.
  loadExistingGrant: async (ctx) => {
    const { client, session, account, result, provider } = ctx.oidc
    if (client === undefined || session === undefined || account === undefined) return undefined
    const known = result?.consent?.grantId ?? session.grantIdFor(client.clientId)
    const found = known === undefined ? undefined : await provider.Grant.find(known)
    if (found !== undefined && found.accountId === account.accountId) return found
    const grant = new provider.Grant({ accountId: account.accountId, clientId: client.clientId })
    grant.addOIDCScope('openid profile')
    await grant.save()
    return grant
  },
  // As long as somebody is signed in here, the client may ask again who they are.
  issueRefreshToken: async () => true,
  interactions: { url: (_ctx, interaction) => `/sign-in/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    backchannelLogout: { enabled: true },
    deviceFlow: {
      enabled: true,
      userCodeInputSource: (ctx, form, _out, error) => {
        ctx.body = userCodePage(options.title, form, error !== undefined)
      },
      userCodeConfirmSource: (ctx, form, _client, _info, userCode) => {
        ctx.body = confirmCodePage(options.title, form, userCode)
      },
      successSource: (ctx) => {
        ctx.body = codeDonePage(options.title)
      },
    },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (ctx, form) => {
        ctx.body = logoutPage(options.title, form)
      },
      postLogoutSuccessSource: (ctx) => {
        ctx.body = signedOutPage(options.title)
      },
    },
  },
  renderError: (ctx, out) => {
    ctx.type = 'html'
    ctx.body = errorPage(options.title, out.error, out.error_description ?? out.error)
  },
  clientBasedCORS: () => false,
  // Its dispatcher refuses loopback addresses, and this hub has no other.
  fetch: (url, init) => {
    const { dispatcher: _refusing, ...rest } = (init ?? {}) as RequestInit & { dispatcher?: unknown }
    return (options.fetch ?? globalThis.fetch)(url, rest)
  },
  ttl: {
    AccessToken: 600,
    RefreshToken: 14 * 86_400,
    AuthorizationCode: 60,
    DeviceCode: 600,
    IdToken: 600,
    Interaction: 600,
    Session: 14 * 86_400,
    Grant: 14 * 86_400,
  },
})

const readForm = async (request: IncomingMessage): Promise<URLSearchParams> => {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length
    if (size > 8192) throw new Error('form too large')
    pieces.push(piece)
  }
  return new URLSearchParams(Buffer.concat(pieces).toString('utf8'))
}

const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}

const signIn = (provider: Provider, options: ProviderOptions, issuer: string) => {
  const show = async (request: IncomingMessage, response: ServerResponse, name: string, failed: boolean) => {
    const { uid, session } = await provider.interactionDetails(request, response)
    response.writeHead(failed ? 401 : 200, pageHeaders).end(
      loginPage({
        title: options.title,
        action: `/sign-in/${uid}`,
        cancel: `/sign-in/${uid}/cancel`,
        people: options.people,
        again: session?.accountId,
        name: name || (session?.accountId ?? ''),
        failed,
      }),
    )
  }
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method === 'GET') return show(request, response, '', false)
    // The interaction's cookie is SameSite=Lax already; this refuses what a sibling site might still send.
    if (request.method !== 'POST' || (request.headers.origin ?? issuer) !== issuer) {
      response.writeHead(403, pageHeaders).end(errorPage(options.title, 'access_denied', 'Foreign request.'))
      return
    }
    if (request.url?.endsWith('/cancel'))
      return provider.interactionFinished(request, response, { error: 'access_denied' })
    const form = await readForm(request)
    const name = form.get('name') ?? ''
    const person = options.people.find((one) => one.name === name)
    if (person === undefined || !same(form.get('password') ?? '', person.name))
      return show(request, response, name, true)
    return provider.interactionFinished(request, response, { login: { accountId: person.name } })
  }
}

export const startProvider = async (options: ProviderOptions): Promise<RunningProvider> => {
  const host = options.host ?? '127.0.0.1'
  const key = await signingKey()
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port, host, resolve)
  })
  const issuer = `http://${host}:${(server.address() as AddressInfo).port}`
  const provider = new Provider(issuer, configuration(options, key))
  // Made at the first request: whoever adds middleware to the provider does it before.
  let answer: ReturnType<Provider['callback']> | undefined
  const form = signIn(provider, options, issuer)
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (!request.url?.startsWith('/sign-in/')) {
      answer ??= provider.callback()
      void answer(request, response)
      return
    }
    form(request, response).catch((thrown: unknown) => {
      const detail = 'This sign-in has expired.'
      if (!response.headersSent) response.writeHead(400, pageHeaders)
      response.end(errorPage(options.title, thrown instanceof Error ? thrown.name : 'error', detail))
    })
  })
  return {
    issuer,
    provider,
    key,
    close: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
