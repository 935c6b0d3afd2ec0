/** The system's Chromium, and people signing in with it at the real provider. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (path) => existsSync(path),
)
export const hasBrowser = executablePath !== undefined

export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({
    ...(executablePath === undefined ? {} : { executablePath }),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })

/** A browser of somebody's own: its cookies and storage are nobody else's. */
export const newBrowser = (browser: Browser, url: string): Promise<BrowserContext> =>
  browser.newContext({ baseURL: url, viewport: { width: 1440, height: 900 } })

/** Fills in the provider's page; the password of everybody in the demonstration is their name. */
export const authenticate = async (page: Page, name: string): Promise<void> => {
  const login = page.getByLabel('Name')
  // At a re-authentication the name is given.
  if (await login.isEditable()) await login.fill(name)
  await page.locator('input[type="password"]').fill(name)
  await page.locator('button[type="submit"]').first().click()
}

/** From the hub's own page to being signed in, back on that page. */
export const signIn = async (context: BrowserContext, name: string, path = '/'): Promise<Page> => {
  const page = await context.newPage()
  await page.goto(`/auth/login?return=${encodeURIComponent(path)}`)
  await authenticate(page, name)
  await page.waitForURL((url) => url.pathname === path && url.port === new URL(page.url()).port)
  return page
}

const looks = [
  { name: 'light', colorScheme: 'light', width: 1440, height: 900 },
  { name: 'dark', colorScheme: 'dark', width: 1440, height: 900 },
  { name: 'narrow', colorScheme: 'light', width: 390, height: 844 },
] as const

/** For people to look at: nothing, unless `SENESCHAL_TEST_SCREENSHOTS` names a directory for the pictures. */
export const takePictures = async (page: Page, state: string): Promise<void> => {
  const dir = process.env.SENESCHAL_TEST_SCREENSHOTS
  if (dir === undefined) return
  for (const { name, colorScheme, width, height } of looks) {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize({ width, height })
    await page.screenshot({ path: join(dir, `${state}-${name}.png`) })
  }
  await page.setViewportSize({ width: looks[0].width, height: looks[0].height })
}
