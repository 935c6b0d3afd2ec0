/**
 * A browser without a screen: keeps cookies by host and path, follows redirects, fills in forms. The hub's public
 * address leads to its port, wherever that is.
 */
import assert from 'node:assert/strict'
import { type Answer, type Listening, listen, send } from './http.ts'

type Cookie = { readonly name: string; readonly path: string; readonly value: string }

export type Page = Answer & { readonly url: URL }

export type Visitor = {
  /** One request, no redirect followed. */
  readonly ask: (
    method: string,
    url: string | URL,
    options?: { readonly headers?: Readonly<Record<string, string>>; readonly body?: string },
  ) => Promise<Page>
  /** As typed into the address bar, up to the first page that is no redirect. */
  readonly open: (url: string | URL) => Promise<Page>
  /** Sends a page's first form with these values, and goes where that leads. */
  readonly submit: (page: Page, values: Readonly<Record<string, string>>) => Promise<Page>
  /** As our own pages ask: with the CSRF token, from the same origin. */
  readonly change: (method: string, path: string, body?: unknown, csrf?: string) => Promise<Page>
  readonly socket: (path: string, headers?: Readonly<Record<string, string>>) => Promise<Listening>
  /** Value of a cookie that the hub set, and a way to put one there. */
  readonly cookie: (name: string) => string | undefined
  readonly setCookie: (name: string, value: string) => void
  readonly cookieHeader: (url: URL) => string
}

/** The browser's own headers for a navigation. */
const navigation = {
  accept: 'text/html,application/xhtml+xml',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
}

export const createVisitor = (hub: { readonly origin: string; readonly port: number }): Visitor => {
  const jars = new Map<string, Map<string, Cookie>>()
  const home = new URL(hub.origin)

  const jarOf = (host: string) => {
    const jar = jars.get(host) ?? new Map<string, Cookie>()
    jars.set(host, jar)
    return jar
  }
  const cookieHeader = (url: URL) =>
    [...jarOf(url.hostname).values()]
      .filter(({ path }) => url.pathname === path || url.pathname.startsWith(path.replace(/\/?$/, '/')))
      .sort((a, b) => b.path.length - a.path.length)
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ')
  const store = (url: URL, lines: readonly string[]) => {
    for (const line of lines) {
      const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
      const at = pair.indexOf('=')
      const [name, value] = [pair.slice(0, at), pair.slice(at + 1)]
      const path = attributes.find((attribute) => /^path=/i.test(attribute))?.slice(5) ?? '/'
      const isOver = attributes.some(
        (attribute) =>
          /^max-age=0$/i.test(attribute) ||
          (/^expires=/i.test(attribute) && Date.parse(attribute.slice(8)) <= Date.now()),
      )
      if (isOver) jarOf(url.hostname).delete(`${name} ${path}`)
      else jarOf(url.hostname).set(`${name} ${path}`, { name, path, value })
    }
  }

  const ask: Visitor['ask'] = async (method, to, options = {}) => {
    const url = new URL(to, home)
    const cookies = cookieHeader(url)
    const answer = await send(
      url.origin === home.origin ? hub.port : Number(url.port),
      method,
      url.pathname + url.search,
      { host: url.host, ...(cookies === '' ? {} : { cookie: cookies }), ...options.headers },
      options.body,
    )
    store(url, answer.headers['set-cookie'] ?? [])
    return { ...answer, url }
  }
  const follow = async (page: Page): Promise<Page> => {
    let here = page
    for (let hops = 0; hops < 20; hops += 1) {
      const { location } = here.headers
      if (location === undefined || here.status < 300 || here.status > 399) return here
      here = await ask('GET', new URL(location, here.url), { headers: navigation })
    }
    throw new Error('too many redirects')
  }
  const form = (page: Page, values: Readonly<Record<string, string>>) => {
    const [, attributes = '', inside = ''] = /<form([^>]*)>([\s\S]*?)<\/form>/.exec(page.text) ?? []
    const action = /action="([^"]*)"/.exec(attributes)?.[1]
    assert.ok(action !== undefined, `no form on ${page.url}: ${page.status} ${page.text.slice(0, 300)}`)
    const fields = new URLSearchParams()
    for (const [, tag = ''] of inside.matchAll(/<input([^>]*)>/g)) {
      const name = /name="([^"]*)"/.exec(tag)?.[1]
      if (name !== undefined) fields.set(name, /value="([^"]*)"/.exec(tag)?.[1] ?? '')
    }
    for (const [name, value] of Object.entries(values)) fields.set(name, value)
    return { action: new URL(action, page.url), body: fields.toString() }
  }

  return {
    ask,
    open: async (url) => follow(await ask('GET', url, { headers: navigation })),
    submit: async (page, values) => {
      const { action, body } = form(page, values)
      return follow(
        await ask('POST', action, {
          headers: {
            ...navigation,
            'content-type': 'application/x-www-form-urlencoded',
            'content-length': String(Buffer.byteLength(body)),
            origin: action.origin,
          },
          body,
        }),
      )
    },
    change: async (method, path, body, csrf) => {
      const session = csrf === undefined ? (await ask('GET', '/api/session')).body : undefined
      const token = csrf ?? (session as { readonly csrf?: string } | undefined)?.csrf ?? ''
      const headers = { origin: hub.origin, 'sec-fetch-site': 'same-origin', 'x-csrf-token': token }
      if (body === undefined) return ask(method, path, { headers })
      const text = JSON.stringify(body)
      const length = String(Buffer.byteLength(text))
      return ask(method, path, {
        headers: { ...headers, 'content-type': 'application/json', 'content-length': length },
        body: text,
      })
    },
    socket: (path, headers = {}) =>
      listen(`ws://127.0.0.1:${hub.port}${path}`, {
        host: home.host,
        origin: hub.origin,
        cookie: cookieHeader(home),
        ...headers,
      }),
    cookie: (name) => jarOf(home.hostname).get(`${name} /`)?.value,
    setCookie: (name, value) => void jarOf(home.hostname).set(`${name} /`, { name, path: '/', value }),
    cookieHeader,
  }
}
