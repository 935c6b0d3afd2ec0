/** Where the provider sends a browser back to, kept before the browser goes there: for whoever carries it elsewhere. */
import type { Page, Visitor } from './visitor.ts'

/** `way`: to the provider. The browser is asked for credentials and gives those of `person`. */
export const callbackAt = async (browser: Visitor, way: string | URL, person: string): Promise<string> => {
  const form = await browser.open(way)
  const [, action = ''] = /action="([^"]*)"/.exec(form.text) ?? []
  let page: Page = await browser.ask('POST', new URL(action, form.url), {
    headers: { 'content-type': 'application/x-www-form-urlencoded', origin: form.url.origin },
    body: new URLSearchParams({ name: person, password: person }).toString(),
  })
  for (let hops = 0; hops < 20; hops += 1) {
    const next = new URL(page.headers.location ?? '', page.url)
    if (next.pathname === '/auth/callback') return next.href
    page = await browser.ask('GET', next)
  }
  throw new Error(`the provider did not send the browser back: ${page.url}`)
}
