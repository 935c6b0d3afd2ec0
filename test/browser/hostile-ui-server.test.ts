/**
 * Threats 13 and 49 in a real browser: the UI server of a hostile account, a real HTTP server behind the hub's proxy,
 * answers somebody who opens its addresses directly, embeds them or looks at the account's page. None of its script
 * runs, no cookie is set or taken away, no worker is registered, and the browser stays where it is.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type OutgoingHttpHeaders, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { expect } from '@playwright/test'
import type { BrowserContext, Page } from 'playwright-core'
import { WebSocketServer } from 'ws'
import { closeCodes } from '../../protocol/frames.ts'
import { hasBrowser, launchBrowser, newBrowser, signIn } from '../harness/browser.ts'
import { startTestHub } from '../harness/hub.ts'
import { freePorts } from '../harness/site.ts'
import { instanceRow, put, taskRow, workflowRow } from '../harness/ui-server.ts'

const webDir = join(import.meta.dirname, '../../dist/web')
const skip = hasBrowser ? false : 'no Chromium on this machine'

type Answer = { readonly status?: number; readonly headers: OutgoingHttpHeaders; readonly body: string }

/** What a script of the account would do: tell of itself, mark the browser, take it over. */
const scriptFor = (beacon: string): string => `
  document.title = 'pwned'; globalThis.pwned = true
  try { document.cookie = 'pwned=1; Path=/' } catch {}
  new Image().src = '${beacon}/ran?' + location.pathname
  fetch('/u/atmosphere_stage/ran').catch(() => {})
  navigator.serviceWorker?.register('/u/atmosphere_stage/worker.js', { scope: '/' }).catch(() => {})`

const orders: OutgoingHttpHeaders = {
  'set-cookie': ['pwned=1; Path=/', '__Host-seneschal=stolen; Path=/; Secure; HttpOnly'],
  'clear-site-data': '"*"',
  'service-worker-allowed': '/',
  'access-control-allow-origin': '*',
  'access-control-allow-credentials': 'true',
  'cross-origin-resource-policy': 'cross-origin',
  'content-security-policy': "default-src * 'unsafe-inline' 'unsafe-eval' data:",
  'x-content-type-options': 'sniff',
  'x-frame-options': 'ALLOWALL',
  link: '</u/atmosphere_stage/script.js>; rel=preload; as=script',
  location: 'https://evil.test/',
}

const answersFor = (beacon: string): Readonly<Record<string, Answer>> => {
  const script = scriptFor(beacon)
  const page = `<!doctype html><title>x</title><img src=x onerror="${script.replaceAll('"', '&quot;')}"><script>${script}</script>`
  const as = (type: string, body: string, more: OutgoingHttpHeaders = {}): Answer => ({
    headers: { 'content-type': type, ...orders, ...more },
    body,
  })
  return {
    page: as('text/html', page),
    'page-as-text': as('text/plain', page),
    'page-as-json': as('application/json', page),
    'page-as-lines': as('application/x-ndjson', page),
    'page-as-bytes': as('application/octet-stream', page),
    'page-of-no-type': { headers: { ...orders }, body: page },
    'page-of-two-types': as('text/plain, text/html', page),
    'page-in-utf-7': as('text/plain; charset=utf-7', page),
    'page-that-is-missing': { status: 404, headers: { 'content-type': 'text/html', ...orders }, body: page },
    'page-that-is-refused': { status: 403, headers: { 'content-type': 'text/plain', ...orders }, body: page },
    'page.html': as('text/plain', page),
    'image.svg': as(
      'image/svg+xml',
      `<svg xmlns="http://www.w3.org/2000/svg"><script>${script}</script></svg>`,
    ),
    'document.xhtml': as('application/xhtml+xml', page),
    'style.xml': as(
      'text/xml',
      `<?xml-stylesheet href="#x"?><html xmlns="http://www.w3.org/1999/xhtml"><script>${script}</script></html>`,
    ),
    'script.js': as('text/javascript', script),
    'worker.js': as('text/javascript', script),
    'script-as-json': as('application/json', script),
    'script-as-text': as('text/plain', script),
    redirect: { status: 302, headers: { ...orders, location: `${beacon}/page` }, body: '' },
    refresh: as('text/plain', page, { refresh: `0; url=${beacon}/page` }),
    'refresh-to-a-script': as('application/json', '{}', {
      refresh: '0; url=javascript:document.title="pwned"',
    }),
    credentials: { status: 401, headers: { ...orders, 'www-authenticate': 'Basic realm="x"' }, body: page },
  }
}

const listening = async (
  t: TestContext,
  handler: RequestListener,
): Promise<{ server: Server; port: number }> => {
  const server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { server, port: (server.address() as AddressInfo).port }
}

const hostileSite = async (t: TestContext) => {
  /** What only a script of the account, or a browser that obeyed it, would ask for. */
  const ran: string[] = []
  const asked = new Set<string>()
  let answers: Readonly<Record<string, Answer>> = {}
  const hostile: RequestListener = (request, response) => {
    const name = (request.url ?? '').slice(1).split('?')[0] ?? ''
    asked.add(name)
    if (name === 'ran') ran.push(`the UI server: ${request.url}`)
    const { status = 200, headers, body } = answers[name] ?? { status: 404, headers: {}, body: '' }
    response.writeHead(status, headers).end(body)
  }
  const elsewhere = await listening(t, (request, response) => {
    if (request.url === '/home')
      return void response.writeHead(200, { 'content-type': 'text/html' }).end('<p>')
    if (/^\/(?:ran|page)/.test(request.url ?? '')) ran.push(`elsewhere: ${request.url}`)
    hostile(request, response)
  })
  const beacon = `http://127.0.0.1:${elsewhere.port}`
  answers = answersFor(beacon)

  const frames: object[] = []
  let opened = 0
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  const port = await freePorts()
  const origin = `http://localhost:${port}`
  const h = await startTestHub(t, {
    at: { origin, port },
    config: { webDir },
    answer: hostile,
    upgrade: (request, raw, head) =>
      sockets.handleUpgrade(request, raw, head, (socket) => {
        opened += 1
        for (const frame of frames) socket.send(JSON.stringify(frame))
        setTimeout(() => socket.close(closeCodes.sessionEnded), 200).unref()
      }),
  })
  const browser = await launchBrowser()
  t.after(() => browser.close())
  const context = await newBrowser(browser, origin)
  const page = await signIn(context, 'jacintar', '/')
  const started = await page.evaluate(async () => {
    const { csrf } = await (await fetch('/api/session')).json()
    return (
      await fetch('/api/accounts/atmosphere_stage/server', {
        method: 'POST',
        headers: { 'x-csrf-token': csrf },
      })
    ).status
  })
  assert.equal(started, 202)
  await expect.poll(() => h.spawner.running.has('atmosphere_stage')).toBe(true)
  return {
    h,
    origin,
    beacon,
    ran,
    asked,
    frames,
    opened: () => opened,
    context,
    page,
    names: Object.keys(answers),
  }
}

const cookiesOf = async (context: BrowserContext) =>
  (await context.cookies()).map(({ name, value, domain, path }) => `${domain}${path} ${name}=${value}`).sort()

/** Downloads and answers without a body end a navigation in their own ways; none of them is a fault here. */
const visit = (page: Page, url: string) => page.goto(url).catch((thrown: Error) => thrown)

test('whoever opens the addresses of a hostile UI server is shown data, and nothing of it runs', {
  skip,
}, async (t) => {
  const site = await hostileSite(t)
  const { context, origin, beacon, ran } = site

  const control = await context.newPage()
  await visit(control, `${beacon}/page`)
  await expect.poll(() => ran.length, 'its script runs where the hub is not between').toBeGreaterThan(0)
  await control.close()
  await context.clearCookies({ name: 'pwned' })
  ran.length = 0
  const before = await cookiesOf(context)

  for (const name of site.names) {
    const page = await context.newPage()
    const url = `${origin}/u/atmosphere_stage/${name}`
    await visit(page, url)
    const seen = await page.evaluate(() => ({
      title: document.title,
      pwned: 'pwned' in globalThis,
    }))
    assert.notEqual(seen.title, 'pwned', name)
    assert.equal(seen.pwned, false, name)
    assert.ok(
      ['about:blank', url].includes(page.url()) || page.url().startsWith('chrome-error:'),
      `${name}: ${page.url()}`,
    )

    await page.close()
  }
  for (const name of site.names.filter((each) => each !== 'worker.js'))
    assert.ok(site.asked.has(name), `${name} was asked for`)

  const page = await context.newPage()
  await page.goto('/')
  await expect(page.getByRole('link', { name: 'atmosphere_stage' }).first()).toBeVisible()
  assert.deepEqual(await cookiesOf(context), before, 'none was set and none taken away')
  assert.equal(await page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length), 0)
  assert.deepEqual(ran, [])
})

test('data in the sandbox of an opaque origin: even a script that got in could not read the session', {
  skip,
}, async (t) => {
  const { context, origin } = await hostileSite(t)
  const page = await context.newPage()
  for (const name of ['page-as-text', 'page-as-json', 'script-as-json', 'page-that-is-refused']) {
    await page.goto(`${origin}/u/atmosphere_stage/${name}`)
    assert.equal(await page.evaluate(() => self.origin), 'null', name)
    const stolen = await page.evaluate(() =>
      fetch('/api/session', { credentials: 'include' }).then(
        (answer) => answer.text(),
        () => 'refused',
      ),
    )
    assert.equal(stolen, 'refused', name)
  }
})

test('no page makes a script, a worker, a style or a frame of it', { skip }, async (t) => {
  const { h, page, context, origin, beacon, ran } = await hostileSite(t)
  const before = await cookiesOf(context)
  const scripts = ['script.js', 'script-as-json', 'script-as-text', 'page', 'page-as-text']
  const tried = await page.evaluate(async (names) => {
    const outcome: Record<string, string> = {}
    const settled = async (name: string, work: Promise<unknown>) => {
      outcome[name] = await work.then(
        () => 'done',
        () => 'refused',
      )
    }
    const element = (kind: 'script' | 'link' | 'img', set: Record<string, string>) =>
      new Promise((resolve, reject) => {
        const made = Object.assign(document.createElement(kind), set)
        made.addEventListener('load', resolve)
        made.addEventListener('error', reject)
        document.head.append(made)
      })
    for (const name of names) {
      const url = `/u/atmosphere_stage/${name}`
      await settled(`service worker ${name}`, navigator.serviceWorker.register(url, { scope: '/u/' }))
      await settled(`service worker of all ${name}`, navigator.serviceWorker.register(url, { scope: '/' }))
      await settled(`script ${name}`, element('script', { src: url }))
      await settled(`module ${name}`, element('script', { src: url, type: 'module' }))
      await settled(`style ${name}`, element('link', { href: url, rel: 'stylesheet' }))
      await settled(`image ${name}`, element('img', { src: url }))
      await settled(
        `worker ${name}`,
        new Promise((resolve, reject) => {
          const worker = new Worker(url)
          worker.onmessage = resolve
          worker.onerror = reject
        }),
      )
    }
    return outcome
  }, scripts)
  for (const [what, how] of Object.entries(tried)) assert.equal(how, 'refused', what)

  // A page of the account's own, on the same site by name, so that the cookie comes along.
  const sibling = await context.newPage()
  const { port } = new URL(beacon)
  await sibling.goto(`http://localhost:${port}/home`)
  await sibling.setContent(
    scripts
      .map((name) => {
        const url = `${origin}/u/atmosphere_stage/${name}`
        return `<script src="${url}"></script><iframe src="${url}"></iframe><object data="${url}"></object><embed src="${url}"><img src="${url}">`
      })
      .join(''),
    { waitUntil: 'load' },
  )
  assert.equal(await sibling.evaluate(() => 'pwned' in globalThis), false)
  for (const frame of sibling.frames().slice(1))
    assert.ok(
      frame.url() === '' || frame.url() === 'about:blank' || frame.url().startsWith('chrome-error:'),
      frame.url(),
    )
  const read = await sibling.evaluate(
    (url) =>
      fetch(url, { credentials: 'include' }).then(
        (answer) => answer.text(),
        () => 'refused',
      ),
    `${origin}/u/atmosphere_stage/page-as-json`,
  )
  assert.equal(read, 'refused', 'whatever CORS headers it sent')
  assert.deepEqual(await cookiesOf(context), before)
  assert.deepEqual(ran, [])
  assert.equal((await h.audited('session.signed-out')).length, 0)
})

test('on the account’s page what it says is text, its links lead nowhere, and the session stays', {
  skip,
}, async (t) => {
  const site = await hostileSite(t)
  const { context, frames, ran, beacon, origin } = site
  const html = `<img src=x onerror="document.title='pwned';new Image().src='${beacon}/ran'"><script>document.title='pwned'</script>`
  const rows = [
    put(
      'workflow',
      'clouds',
      workflowRow('clouds', {
        meta: {
          title: html,
          description: html,
          runbook: "javascript:document.title='pwned'",
          contact: html,
          priority: 'critical',
        },
        state: 'stalled',
        stall: html,
        problem: html,
      }),
    ),
    put('task', 'clouds//climb', {
      ...taskRow('clouds', 'climb'),
      title: html,
      families: [html, '__proto__', 'constructor'],
    }),
    put(
      'instance',
      'clouds//1/climb',
      instanceRow('clouds', '1', 'climb', { state: 'failed', outputs: [html] }),
    ),
    put('instance', '__proto__', { __proto__: null, polluted: true }),
    put('__proto__', 'polluted', { polluted: true }),
    put('constructor', 'prototype', { polluted: true }),
  ]
  const now = Date.now()
  frames.push(
    { type: 'hello', epoch: 'e', seq: 1, version: '999.0.0', now },
    { type: 'reset', seq: 1, put: rows },
    { type: 'tick', seq: 1, now: 9e15 },
  )
  const before = await cookiesOf(context)
  const page = await context.newPage()
  const faults: string[] = []
  page.on('dialog', (dialog) => void dialog.dismiss().then(() => faults.push('a dialog')))
  await page.goto('/accounts/atmosphere_stage/workflows/clouds')
  await expect(page.getByText(html).first()).toBeVisible({ timeout: 20_000 })
  assert.equal(await page.locator('img[src="x"], a[href^="javascript:" i], a[href^="data:" i]').count(), 0)
  // It closed the socket with the hub's own word for the end of a session, and the page comes back to it.
  await expect.poll(site.opened).toBeGreaterThan(2)
  assert.equal(await page.evaluate(async () => (await fetch('/api/session')).status), 200)
  assert.equal(new URL(page.url()).origin, origin)
  assert.equal(new URL(page.url()).pathname, '/accounts/atmosphere_stage/workflows/clouds')
  await expect(page.getByRole('link', { name: /sign in/i })).toHaveCount(0)
  assert.notEqual(await page.title(), 'pwned')
  assert.equal(await page.evaluate(() => 'polluted' in {}), false)
  assert.deepEqual(await cookiesOf(context), before)
  assert.deepEqual([...ran, ...faults], [])
})
