/** What somebody sees who opens an account whose host, host key or agent is not what it should be. */
import { execFileSync, spawn } from 'node:child_process'
import { readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { expect } from '@playwright/test'
import type { Page } from 'playwright-core'
import { sshdProgram } from '../../demo/sshd-program.ts'
import { hasBrowser, launchBrowser, newBrowser, signIn } from '../harness/browser.ts'
import { type RunningSite, startSite } from '../harness/site.ts'

const program = sshdProgram()
const missing = !hasBrowser
  ? 'no Chromium on this machine'
  : process.getuid?.() !== 0
    ? 'needs root for Unix accounts'
    : program === undefined
      ? 'no sshd on this machine'
      : false

const commandLine = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')
  } catch {
    // Gone by now.
    return ''
  }
}

/** The site's own sshd and the sessions below it, as when its host goes down. */
const killSshd = (site: RunningSite): void => {
  const config = join(site.layout.dir, 'sshd/sshd_config')
  for (const pid of readdirSync('/proc').filter(
    (name) => /^\d+$/.test(name) && commandLine(name).includes(config),
  )) {
    const sessions = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
    for (const each of [pid, ...sessions]) process.kill(Number(each), 'SIGKILL')
  }
}

const startSshd = (site: RunningSite): void => {
  spawn(program?.path ?? '', ['-D', '-f', join(site.layout.dir, 'sshd/sshd_config')], {
    stdio: 'ignore',
    env: program?.env ?? {},
  }).unref()
}

const slow = { timeout: 20_000 }

/** As `seneschal` itself would be seen to fail: an alert with its code within ten seconds, and a way to try again. */
const failsWith = async (page: Page, code: string): Promise<void> => {
  const alert = page.getByRole('alert', { name: 'Server of oceans_stage' })
  await expect(alert).toContainText(code, { timeout: 10_000 })
  await expect(alert.getByRole('button', { name: 'Retry' })).toBeVisible()
}

const retry = (page: Page) => page.getByRole('alert').getByRole('button', { name: 'Retry' }).click()

test('a dead host, a foreign host key and a missing agent are told within ten seconds, and retried', {
  skip: missing,
}, async (t) => {
  const site = await startSite({ ssh: true, elevation: 'PT1M' })
  const browser = await launchBrowser()
  const hostKey = join(site.layout.dir, 'sshd/host_key')
  const agent = join(site.layout.dir, 'program/bin/seneschal')
  try {
    killSshd(site)
    const page = await signIn(await newBrowser(browser, site.url), 'jacintar')
    await t.test('a host that is down', async () => {
      await page.goto('/accounts/oceans_stage')
      await failsWith(page, 'host.unreachable')
    })
    await t.test('a host with another key', async () => {
      renameSync(hostKey, `${hostKey}.right`)
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', hostKey])
      startSshd(site)
      await retry(page)
      await failsWith(page, 'host.key-unknown')
      killSshd(site)
      rmSync(hostKey)
      renameSync(`${hostKey}.right`, hostKey)
      startSshd(site)
    })
    await t.test('a host without the agent', async () => {
      renameSync(agent, `${agent}.away`)
      await retry(page)
      await failsWith(page, 'agent.missing')
      renameSync(`${agent}.away`, agent)
    })
    await t.test('and once all is well, a retry opens the account', async () => {
      await retry(page)
      await expect
        .poll(async () => {
          const answer = await page.request.get('/api/accounts/oceans_stage')
          return ((await answer.json()) as { server: { state: string } }).server.state
        }, slow)
        .toBe('on')
      await expect(page.getByRole('alert', { name: 'Server of oceans_stage' })).toHaveCount(0, {
        timeout: 20_000,
      })
    })
  } finally {
    await browser.close()
    killSshd(site)
    await site.stop()
  }
})
