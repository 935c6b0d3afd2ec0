/** What people and the wall see of a drain and of a maintenance window, without a reload. */
import { test } from 'node:test'
import { expect } from '@playwright/test'
import { addWindow, askForDrain, askForResume, removeWindow } from '../../daemon/control/files.ts'
import { siteLayout } from '../../daemon/layout.ts'
import { hasBrowser, launchBrowser, newBrowser, signIn, takePictures } from '../harness/browser.ts'
import { startSite } from '../harness/site.ts'

const soon = { timeout: 20_000 }

test('a drain and a window stand as calm banners with their end, and go by themselves', {
  skip: hasBrowser ? false : 'no Chromium on this machine',
}, async () => {
  const site = await startSite({ ssh: false, elevation: 'PT10M' })
  const { state } = siteLayout(site.layout.site)
  const browser = await launchBrowser()
  try {
    const context = await newBrowser(browser, site.url)
    const home = await signIn(context, 'jacintar')
    const wall = await context.newPage()
    await wall.goto('/wall')
    const line = (text: string) => ({
      home: home.locator('.banner', { hasText: text }),
      wall: wall.locator('.wall-banner.calm', { hasText: text }),
    })
    const window = line('Maintenance of account atmosphere_stage until')
    const drained = line('Drained: nothing new starts')
    await expect(home.locator('.banner')).toHaveCount(0, soon)

    const now = Date.now()
    await addWindow(state, {
      ...{ id: 'disks', scope: 'account', name: 'atmosphere_stage', reason: 'new disks' },
      ...{ from: now, until: now + 3_600_000 },
    })
    await askForDrain(state)
    for (const where of ['home', 'wall'] as const) {
      await expect(window[where]).toContainText('new disks', soon)
      await expect(drained[where]).toBeVisible(soon)
    }
    await takePictures(home, 'rests-home')
    await takePictures(wall, 'rests-wall')

    await removeWindow(state, 'disks')
    await askForResume(state)
    for (const { home: onHome, wall: onWall } of [window, drained]) {
      await expect(onHome).toHaveCount(0, soon)
      await expect(onWall).toHaveCount(0, soon)
    }
  } finally {
    await browser.close()
    await site.stop()
  }
})
