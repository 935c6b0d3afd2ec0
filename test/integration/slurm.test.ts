/** UI servers as jobs of a real Slurm: its controller, its nodes, munge, and accounts that submit for themselves. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir, readFile, stat } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { SpawnerDeps } from '../../spawners/contract.ts'
import { checkSpawner, type Finding } from '../../spawners/contract-kit.ts'
import { createSpawner } from '../../spawners/registry.ts'
import { type Cluster, startCluster } from '../harness/cluster.ts'
import { fleetOn } from '../harness/fleet.ts'
import { canRunHosts } from '../harness/hosts.ts'
import { origin } from '../harness/hub.ts'
import { canRunSlurm } from '../harness/slurm.ts'
import { until } from '../harness/until.ts'

const skip = !canRunHosts() ? 'needs root, namespaces and sshd' : canRunSlurm() ? false : 'needs Slurm'

const depsOf = ({ ground }: Cluster): SpawnerDeps => ({
  ...{ now: Date.now, random: Math.random, env: process.env, entry: ground.far.entry },
  warn: () => undefined,
})

const settingsFor = ({ ground }: Cluster, account: string, instance: string) => ({
  version: 1 as const,
  ...{ account, instance },
  site: {
    inbox: join(ground.dir, 'site/requests/1_inbox'),
    temp: join(ground.dir, 'site/requests/0_temp'),
    feed: join(ground.dir, 'site/feed', account),
  },
  ...{ hubKeys: { keys: [] }, issuer: 'https://hub.example', idleMinutes: 5 },
})

type Job = { readonly id: string; readonly state: string; readonly node: string }

/** The account's jobs as Slurm has them. */
const jobsOf = async ({ slurm }: Cluster, account: string): Promise<readonly Job[]> =>
  (await slurm.run('squeue', '-h', '-u', account, '-o', '%A %T %N'))
    .split('\n')
    .filter(Boolean)
    .map((line) => line.trim().split(' '))
    .map(([id = '', state = '', node = '']) => ({ id, state, node }))

const noJobs = (cluster: Cluster, account: string) =>
  until(async () => (await jobsOf(cluster, account)).length === 0, 30_000)

const startHub = async (t: Parameters<typeof startCluster>[0], cluster: Cluster, config = {}) => {
  const fleet = await fleetOn(t, cluster.ground, { config })
  const visitor = await fleet.hub.signIn('mel')
  const admin = await fleet.hub.signIn('admin')
  await fleet.hub.raise(admin, 'write')
  const stop = async (account: string) => {
    const { status, text } = await admin.change('DELETE', `/api/accounts/${account}/server`)
    assert.equal(status, 204, text)
  }
  /** What is told to whoever waits for a start. */
  const shows = async (account: string, words: RegExp) => {
    const path = `/api/accounts/${account}/server/progress`
    const headers = { host: 'hub.test', cookie: visitor.cookieHeader(new URL(path, origin)) }
    const signal = AbortSignal.timeout(20_000)
    const request = get({ port: fleet.hub.port, host: '127.0.0.1', path, headers, agent: false, signal })
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    let text = ''
    for await (const chunk of answer) {
      text += String(chunk)
      if (words.test(text)) return
    }
    assert.match(text, words)
  }
  return { ...fleet, visitor, admin, stop, shows }
}

// Mostly waiting.
describe('servers as jobs', { skip, concurrency: 3 }, () => {
  test('the slurm spawner keeps the contract', async (t) => {
    const cluster = await startCluster(t, { nodes: ['node1'], accounts: 1 })
    const [account = ''] = cluster.ground.accounts
    const findings: Finding[] = []
    const { site } = settingsFor(cluster, account, '')
    const open = async () => createSpawner(cluster.ground.spawner, depsOf(cluster))
    await checkSpawner({ open, account, site, patience: 60_000 }, (finding) => findings.push(finding))
    assert.deepEqual(
      findings.filter(({ ok }) => !ok),
      [],
    )
    assert.equal(findings.length, 9)
    await noJobs(cluster, account)
  })

  test('whoever finds no place waits in Slurm’s queue and sees it, and comes up when there is one', async (t) => {
    const cluster = await startCluster(t, { nodes: ['node1'], accounts: 2, cores: 1 })
    const hub = await startHub(t, cluster)
    const [first = '', second = ''] = hub.accounts
    assert.deepEqual(
      [(await hub.open(hub.visitor, first)).state, (await hub.row(hub.visitor, first)).host],
      ['on', 'test'],
    )
    await t.test('nothing of it is for others, and no secret stands anywhere', async () => {
      const place = join(hub.hosts.home(first), '.seneschal/run/batch')
      assert.equal((await stat(place)).mode & 0o777, 0o700)
      for (const name of await readdir(place))
        assert.equal((await stat(join(place, name))).mode & 0o777, 0o600, name)
      const words = [...(await cluster.node('node1').processes(first)).values()].join('\n')
      assert.match(words, / batch \/.*\.json/)
      assert.doesNotMatch(words, /"|keys|issuer/)
    })
    const { status } = await hub.visitor.change('POST', `/api/accounts/${second}/server`)
    assert.equal(status, 202)
    await hub.shows(second, /Waiting in the queue \(Resources\), job \d+\./)
    assert.deepEqual(await hub.servers(second), [])

    await t.test('a start that is cancelled leaves the queue', async () => {
      await hub.stop(second)
      await noJobs(cluster, second)
      assert.equal((await hub.row(hub.visitor, second)).state, 'off')
    })
    await hub.visitor.change('POST', `/api/accounts/${second}/server`)
    await hub.shows(second, /Waiting in the queue/)
    await hub.stop(first)
    await noJobs(cluster, first)
    await until(async () => (await hub.row(hub.visitor, second)).state === 'on', 30_000)
    const { status: read, text } = await hub.visitor.ask('GET', `/u/${second}/workflows`)
    assert.equal(read, 200, text)
    assert.deepEqual(await hub.servers(first), [])
    assert.deepEqual(await hub.servers(second), ['node1'])
  })

  test('a job is requeued, loses its node, is cancelled behind the hub’s back: who looks is live again', async (t) => {
    const cluster = await startCluster(t, { nodes: ['node1', 'node2'], accounts: 1 })
    const hub = await startHub(t, cluster)
    const [account = ''] = hub.accounts
    await hub.open(hub.visitor, account)
    const looking = await hub.look(hub.visitor, account)
    const only = async (): Promise<Job> => {
      const jobs = await jobsOf(cluster, account)
      assert.equal(jobs.length, 1, JSON.stringify(jobs))
      return jobs[0] as Job
    }
    const serversAre = (nodes: readonly string[]) =>
      until(async () => (await hub.servers(account)).join() === nodes.join(), 20_000)

    await t.test('requeued: nobody waits until Slurm lets it start again', async () => {
      const before = await only()
      await cluster.slurm.run('scontrol', 'requeue', before.id)
      await until(async () => (await jobsOf(cluster, account)).some(({ id }) => id !== before.id), 30_000)
      await looking.isLive(30_000)
      await until(async () => (await jobsOf(cluster, account)).length === 1, 30_000)
      await serversAre([(await only()).node])
    })

    await t.test('cancelled by somebody else: another job takes its place', async () => {
      const before = await only()
      await cluster.slurm.run('scancel', before.id)
      await until(async () => (await jobsOf(cluster, account)).some(({ id }) => id !== before.id), 60_000)
      await looking.isLive(60_000)
      await until(async () => (await jobsOf(cluster, account)).length === 1, 30_000)
      await serversAre([(await only()).node])
    })

    await t.test('its node loses power: it comes up on the other', async () => {
      const { node } = await only()
      const began = performance.now()
      await cluster.node(node).kill()
      const other = node === 'node1' ? 'node2' : 'node1'
      await until(async () => (await hub.servers(account)).join() === other, 180_000)
      await looking.isLive(60_000)
      t.diagnostic(`live again after ${((performance.now() - began) / 1000).toFixed(1)} s`)
      await cluster.node(node).boot()
      await cluster.slurm.startNode(cluster.node(node))
      await serversAre([other])
    })
  })

  test('the controller dies: who is served stays so, and who wants to start is told', async (t) => {
    const cluster = await startCluster(t, { nodes: ['node1'], accounts: 2 })
    const hub = await startHub(t, cluster)
    const [served = '', late = ''] = hub.accounts
    await hub.open(hub.visitor, served)
    const looking = await hub.look(hub.visitor, served)
    const before = await jobsOf(cluster, served)
    await cluster.slurm.stopController()
    const row = await hub.open(hub.visitor, late, 60_000)
    assert.equal(row.state, 'failed')
    assert.equal(row.code, 'host.unreachable')
    assert.match(row.reason ?? '', /squeue: /)
    await looking.isLive()
    assert.deepEqual([(await hub.row(hub.visitor, served)).code], [null])
    await cluster.slurm.startController()
    assert.equal((await hub.open(hub.visitor, late, 60_000)).state, 'on')
    await looking.isLive()
    assert.deepEqual(await jobsOf(cluster, served), before)
    assert.deepEqual(await hub.servers(late), ['node1'])
  })

  test('what Slurm refuses, and where it may not put anything, is told in its words and leaves nothing', async (t) => {
    const cluster = await startCluster(t, { nodes: ['node1'], accounts: 1 })
    const [account = ''] = cluster.ground.accounts
    const { spawner: config } = cluster.ground
    const refusal = async (changed: Partial<typeof config>) => {
      const spawner = createSpawner({ ...config, ...changed }, depsOf(cluster))
      try {
        const signal = AbortSignal.timeout(50_000)
        await spawner.start(account, settingsFor(cluster, account, 'a'.repeat(32)), () => undefined, signal)
        return assert.fail('it started')
      } catch (error) {
        return error as { readonly code?: string; readonly message?: string }
      } finally {
        await spawner.close()
        await noJobs(cluster, account)
      }
    }
    const partition = await refusal({ batch: { partition: 'no-such' } })
    assert.equal(partition.code, 'spawn.failed')
    assert.match(partition.message ?? '', /sbatch: .*invalid partition/)
    const elsewhere = await refusal({ nodes: { ...config.nodes, names: ['gpu*'] } })
    assert.equal(elsewhere.code, 'host.unreachable')
    assert.match(elsewhere.message ?? '', /node1, which is none of the nodes/)
    const { hostKey } = cluster.login
    const unheard = { name: 'away', address: '127.0.0.1', port: 1, hostKeys: [hostKey] }
    assert.equal((await refusal({ submit: [unheard] })).code, 'host.unreachable')
    assert.deepEqual(await cluster.node('node1').servers(account), [])

    const spawner = createSpawner({ ...config, submit: [unheard, ...config.submit] }, depsOf(cluster))
    t.after(spawner.close)
    const settings = settingsFor(cluster, account, 'd'.repeat(32))
    const handle = await spawner.start(account, settings, () => undefined, AbortSignal.timeout(50_000))
    await spawner.stop(handle)
    await noJobs(cluster, account)
  })

  test('a job that Slurm starts again is the same server, wherever it is', async (t) => {
    const cluster = await startCluster(t, { nodes: ['node1', 'node2'], accounts: 1 })
    const [account = ''] = cluster.ground.accounts
    const spawner = createSpawner(cluster.ground.spawner, depsOf(cluster))
    t.after(spawner.close)
    const settings = settingsFor(cluster, account, 'c'.repeat(32))
    const handle = await spawner.start(account, settings, () => undefined, AbortSignal.timeout(50_000))
    const [job] = await jobsOf(cluster, account)
    assert.ok(job !== undefined)
    await cluster.slurm.run('scontrol', 'update', `NodeName=${job.node}`, 'State=DRAIN', 'Reason=test')
    await cluster.slurm.run('scontrol', 'requeue', job.id)
    await until(async () => (await jobsOf(cluster, account))[0]?.state === 'PENDING', 30_000)
    assert.deepEqual(await spawner.poll(handle), { state: 'silent', busy: false })
    await assert.rejects(spawner.dial(handle), { code: 'server.off' })
    // Slurm would let it wait for two minutes.
    await cluster.slurm.run('scontrol', 'update', `JobId=${job.id}`, 'StartTime=now')
    await until(async () => (await spawner.poll(handle)).state === 'running', 30_000)
    const stream = await spawner.dial(handle)
    stream.destroy()
    const [again] = await jobsOf(cluster, account)
    assert.equal(again?.id, job.id)
    assert.notEqual(again?.node, job.node)
    await spawner.stop(handle)
    await noJobs(cluster, account)
  })

  test('a job’s time is over: its server ends in good order and says so', async (t) => {
    const cluster = await startCluster(t, { nodes: ['node1'], accounts: 1 })
    const [account = ''] = cluster.ground.accounts
    const spawner = createSpawner({ ...cluster.ground.spawner, batch: { minutes: 1 } }, depsOf(cluster))
    t.after(spawner.close)
    const signal = AbortSignal.timeout(50_000)
    const settings = settingsFor(cluster, account, 'b'.repeat(32))
    const handle = await spawner.start(account, settings, () => undefined, signal)
    await until(async () => (await spawner.poll(handle)).state === 'exited', 120_000)
    assert.deepEqual(await cluster.node('node1').servers(account), [])
    await noJobs(cluster, account)
    const found = await spawner.poll(handle)
    assert.ok(found.state === 'exited')
    const lines = found.log.join('\n')
    assert.match(lines, /DUE TO TIME LIMIT/)
    assert.match(lines, /The job is ended, and the UI server with it/)
    const log = join(cluster.ground.hosts.home(account), '.seneschal/run/batch', `${handle.instance}.log`)
    assert.match(await readFile(log, 'utf8'), /The UI server is up on node1/)
  })
})
