/** A daemon that is to end while it is still starting. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { daemonSite, spawnDaemon } from '../harness/daemon.ts'
import { bubblewrap, needsSandbox, pluginDirectory, pluginSource, workflows } from '../harness/plugins.ts'
import { until } from '../harness/until.ts'

/** Names of the programs that a process has started. */
const childrenOf = (pid: number | undefined): readonly string[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter((child) => child !== '' && existsSync(`/proc/${child}/comm`))
    .map((child) => readFileSync(`/proc/${child}/comm`, 'utf8'))

test(
  'SIGTERM while a plugin hangs in its load ends the daemon, and the next start is as if nothing had been',
  needsSandbox,
  async (t) => {
    const hanging = await pluginDirectory(t, {
      'slow/slow.ts': pluginSource({ top: 'await new Promise((resolve) => setTimeout(resolve, 60_000))' }),
    })
    const site = await daemonSite(t, {
      workflows,
      autoplay: false,
      plugins: { directories: [hanging], active: [{ name: 'slow', version: '1.0.0' }], bubblewrap },
    })
    for (let turn = 0; turn < 2; turn += 1) {
      const running = spawnDaemon(site)
      site.atEnd(() => running.child.kill('SIGKILL'))
      await until(() => running.output().includes('state recovered'), 20_000)
      await until(() => childrenOf(running.child.pid).some((name) => name.startsWith('bwrap')), 20_000)
      assert.doesNotMatch(running.output(), /"running"/)
      const asked = performance.now()
      running.child.kill('SIGTERM')
      assert.equal(await running.ended, 0, running.output())
      assert.ok(performance.now() - asked < 4000)
    }
  },
)
