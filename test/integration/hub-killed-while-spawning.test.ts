/** A hub that is killed at any moment of a start: one server or none, and the hub that follows knows which. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openServer, prepareFleet, serverOf, serversOf } from '../harness/fleet.ts'
import { canRunHosts } from '../harness/hosts.ts'
import { hubProcess } from '../harness/hub-process.ts'
import { prepareHubSite } from '../harness/hub-site.ts'
import { freePort } from '../harness/ports.ts'
import { until } from '../harness/until.ts'

/** Starts under way when the hub is killed, begun one after the other: each is at another point of its life. */
const together = 4
const apart = 70
/** After the first of them began, ms: until long after they are up. */
const moments = [300, 900, 1400, 1900, 2600]

test('a hub is killed at twenty points of starts: no server without an owner, and none twice', {
  skip: canRunHosts() ? false : 'needs root, namespaces and sshd',
}, async (t) => {
  const port = await freePort()
  const ground = await prepareFleet(t, { hosts: ['n1', 'n2'], accounts: together * moments.length })
  const site = await prepareHubSite(t, {
    ...{ dir: ground.dir, accounts: ground.accounts, permissions: ground.permissions },
    at: { origin: `http://localhost:${port}`, port },
    config: { spawner: ground.spawner },
  })
  const hub = await hubProcess(site, port)
  t.after(hub.kill)
  await hub.start()
  const visitor = await hub.signIn('mel')
  let launched = 0
  for (const [round, moment] of moments.entries()) {
    const accounts = ground.accounts.slice(round * together, (round + 1) * together)
    const { csrf } = (await visitor.ask('GET', '/api/session')).body as { readonly csrf: string }
    for (const [index, account] of accounts.entries())
      void sleep(index * apart)
        .then(() => visitor.change('POST', `/api/accounts/${account}/server`, undefined, csrf))
        // It is killed under them.
        .catch(() => undefined)
    await sleep(moment)
    await hub.kill()
    // What was on its way to a host arrives there, or breaks.
    await sleep(1500)
    const left = await Promise.all(accounts.map((account) => serversOf(ground.hosts, account)))
    launched += left.filter((hosts) => hosts.length > 0).length
    for (const hosts of left) assert.ok(hosts.length <= 1, JSON.stringify(left))

    await hub.start()
    // Those that run are its own again, without anybody having asked for them.
    for (const [index, account] of accounts.entries()) {
      const [host] = left[index] ?? []
      if (host === undefined) continue
      await until(async () => (await serverOf(visitor, account)).state === 'on', 15_000)
      assert.equal((await serverOf(visitor, account)).host, host)
    }
    for (const account of accounts) {
      const { state, host } = await openServer(visitor, account)
      assert.deepEqual(
        [state, await serversOf(ground.hosts, account)],
        ['on', [host]],
        hub.log().slice(-2000),
      )
    }
  }
  t.diagnostic(`${launched} of ${together * moments.length} had been launched`)
  // Neither all nor none of the points were before the launch: else this has shown nothing.
  assert.ok(launched > 0 && launched < together * moments.length, `${launched} were launched`)
})
