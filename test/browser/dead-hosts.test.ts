/** What somebody sees whose account's host, host key or agent is not what it should be: told within ten seconds. */
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { expect } from '@playwright/test'
import type { Page } from 'playwright-core'
import { processesOf } from '../../demo/leftovers.ts'
import { sshdProgram } from '../../demo/sshd-program.ts'
import { hasBrowser, launchBrowser, newBrowser, signIn, takePictures } from '../harness/browser.ts'
import { hang } from '../harness/dead-parts.ts'
import { everyProcess, killAll, type Process } from '../harness/kill-processes.ts'
import { greets } from '../harness/ports.ts'
import { type RunningSite, startSite } from '../harness/site.ts'
import { until } from '../harness/until.ts'

const program = sshdProgram()
const missing = !hasBrowser
  ? 'no Chromium on this machine'
  : process.getuid?.() !== 0
    ? 'needs root for Unix accounts'
    : program === undefined
      ? 'no sshd on this machine'
      : false

const soon = { timeout: 10_000 }
const again = { timeout: 40_000 }

const sshdConfig = (site: RunningSite) => join(site.layout.dir, 'sshd/sshd_config')

/** The site's own sshd and the sessions below it: what answers for its host. */
const sshdOf = (site: RunningSite): readonly Process[] => {
  const listeners = new Set(processesOf(sshdConfig(site)))
  const found = everyProcess()
  const family = new Set(listeners)
  for (const { pid, parent } of found.toSorted((a, b) => a.pid - b.pid))
    if (family.has(parent)) family.add(pid)
  return found.filter(({ pid, words }) => family.has(pid) && words.includes('sshd'))
}
const killSshd = (site: RunningSite): Promise<void> => killAll(sshdOf(site))
const startSshd = async (site: RunningSite): Promise<void> => {
  spawn(program?.path ?? '', ['-D', '-f', sshdConfig(site)], {
    stdio: 'ignore',
    env: program?.env ?? {},
  }).unref()
  await until(() => greets(Number(/^Port (\d+)$/m.exec(readFileSync(sshdConfig(site), 'utf8'))?.[1])))
}

const alertIn = (page: Page) => page.getByRole('alert', { name: 'Server of oceans_stage' })

/** An alert with its code within ten seconds, and a way to try again. */
const failsWith = async (page: Page, code: string, picture: string): Promise<void> => {
  await expect(alertIn(page)).toContainText(code, soon)
  await expect(alertIn(page).getByRole('button', { name: 'Retry' })).toBeVisible()
  await takePictures(page, picture)
}
const retry = (page: Page) => page.getByRole('alert').getByRole('button', { name: 'Retry' }).click()

test('hosts that are dead, silent or strangers are told within ten seconds, and found again', {
  skip: missing,
}, async (t) => {
  const site = await startSite({ ssh: true, elevation: 'PT1M' })
  const browser = await launchBrowser()
  const hostKey = join(site.layout.dir, 'sshd/host_key')
  const agent = join(site.layout.dir, 'program/bin/seneschal')
  const changeKey = async () => {
    await killSshd(site)
    renameSync(hostKey, `${hostKey}.right`)
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', hostKey])
    await startSshd(site)
  }
  const restoreKey = async () => {
    await killSshd(site)
    rmSync(hostKey)
    renameSync(`${hostKey}.right`, hostKey)
    await startSshd(site)
  }
  try {
    await killSshd(site)
    const page = await signIn(await newBrowser(browser, site.url), 'jacintar')

    await t.test('a host that refuses', async () => {
      await page.goto('/accounts/oceans_stage')
      await failsWith(page, 'host.unreachable', 'host-refuses')
    })
    await t.test('a host with another key', async () => {
      await changeKey()
      await retry(page)
      await failsWith(page, 'host.key-unknown', 'host-key')
      await restoreKey()
    })
    await t.test('a host that swallows everything', async () => {
      const goOn = hang(sshdOf(site))
      try {
        await retry(page)
        await failsWith(page, 'no answer within 5 s', 'host-swallows')
      } finally {
        goOn()
      }
    })
    await t.test('a host without the agent', async () => {
      renameSync(agent, `${agent}.away`)
      await retry(page)
      await failsWith(page, 'agent.missing', 'agent-missing')
    })
    await t.test('a host whose agent speaks another version', async () => {
      writeFileSync(agent, '#!/bin/sh\nset -- $SSH_ORIGINAL_COMMAND\necho "seneschal-agent/2 $2"\n')
      chmodSync(agent, 0o755)
      await retry(page)
      await failsWith(page, 'agent.version', 'agent-version')
      renameSync(`${agent}.away`, agent)
    })
    await t.test('once all is well the account opens, without anybody doing anything', async () => {
      await expect(page.locator('.server-on')).toBeVisible(again)
      await expect(alertIn(page)).toHaveCount(0)
    })

    await page.goto('/accounts/oceans_stage/workflows/waves')
    await expect(page.locator('[role=row][data-id^="task:"]').first()).toBeVisible(again)
    const isLive = async () => {
      await expect(alertIn(page)).toHaveCount(0, again)
      await expect(page.locator('.workflow-body:not(.stale)')).toBeVisible(again)
    }
    await t.test('a host that vanishes without a word while it is looked at', async () => {
      const goOn = hang(sshdOf(site))
      try {
        await expect(alertIn(page)).toContainText('does not answer', soon)
        await takePictures(page, 'host-vanished')
        await expect(alertIn(page)).toContainText('host.unreachable', again)
      } finally {
        goOn()
      }
      await isLive()
    })
    await t.test('a host that comes back as another one', async () => {
      await changeKey()
      await expect(alertIn(page)).toContainText('host.key-unknown', soon)
      await takePictures(page, 'host-key-changed')
      await restoreKey()
      await isLive()
    })
    await t.test('a failure that is tried again by itself is recorded when it changes', () => {
      const dir = join(site.layout.hub, 'audit')
      const day = new Date().toISOString().slice(0, 10).replaceAll('-', '')
      const records = readFileSync(join(dir, `audit-hub-hub-${day}.ndjson`), 'utf8')
      const failed = records.split('\n').filter((line) => line.includes('"server.failed"'))
      expect(failed.length).toBeGreaterThanOrEqual(5)
      expect(failed.length).toBeLessThan(15)
    })
  } finally {
    await browser.close()
    await killSshd(site)
    await site.stop()
  }
})
