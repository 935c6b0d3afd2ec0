import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { daemonWithPlugins, needsSandbox, pluginDirectory, pluginSource } from '../harness/plugins.ts'

const secret = 'tell-no-plugin-4711'

/** Everything that it can find out, sent home as the message of its plan. */
const spy = pluginSource({
  top: `
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
const tried = (work) => { try { return work() } catch (error) { return error.code ?? String(error) } }
const dial = (port) => new Promise((resolve) => {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.once('connect', () => resolve('connected'))
  socket.once('error', (error) => resolve(error.code))
})`,
  plan: `
const [root, port] = args.what.split(' ')
const found = {
  environment: Object.keys(process.env).sort(),
  processes: readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).length,
  state: tried(() => readdirSync(root + '/state')),
  audit: tried(() => readdirSync(root + '/audit')),
  feed: tried(() => readdirSync(root + '/feed')),
  requests: tried(() => readdirSync(root + '/requests')),
  home: tried(() => readdirSync(${JSON.stringify(process.env.HOME ?? '/root')}).filter((name) => name.startsWith('.'))),
  writes: tried(() => writeFileSync('/etc/seneschal-was-here', '')),
  self: tried(() => writeFileSync('/tmp/plugin/spy.ts', '')),
  descriptors: readdirSync('/proc/self/fd').length,
  network: await dial(Number(port)),
}
return { kind: 'sequence', steps: [], message: JSON.stringify(found) }`,
})

test(
  'a plugin sees neither the daemon’s environment, processes and files, nor the network',
  needsSandbox,
  async (t) => {
    process.env.SENESCHAL_TEST_SECRET = secret
    t.after(() => {
      delete process.env.SENESCHAL_TEST_SECRET
    })
    const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    t.after(() => server.close())
    const address = server.address()
    assert.ok(typeof address === 'object' && address !== null)
    const directory = await pluginDirectory(t, { 'spy/spy.ts': spy })
    const site = await daemonWithPlugins(t, [directory], [{ name: 'spy' }])
    mkdirSync(join(site.dir, 'site/state/keys'), { recursive: true })
    writeFileSync(join(site.dir, 'site/state/keys/secret'), secret)

    const answer = await site.ask({
      action: 'submit',
      plugin: 'spy',
      args: { what: `${join(site.dir, 'site')} ${address.port}` },
    })
    assert.equal(answer.state, 'done')
    const record = (await site.audit()).split('\n').find((line) => line.includes('action.done')) ?? ''
    const found = JSON.parse((JSON.parse(record) as { reason: string }).reason)
    const { processes, descriptors, ...rest } = found
    assert.deepEqual(rest, {
      environment: ['LANG', 'PATH', ...(rest.environment.includes('PWD') ? ['PWD'] : [])],
      state: [],
      audit: [],
      feed: [],
      requests: [],
      home: [],
      writes: 'EROFS',
      self: 'EROFS',
      network: 'ECONNREFUSED',
    })
    assert.ok(processes <= 3, `${processes} processes`)
    assert.ok(descriptors < 40, `${descriptors} descriptors`)
  },
)

test(
  'settings of a plugin stand neither in a command line nor in the catalogue nor in the environment',
  needsSandbox,
  async (t) => {
    const directory = await pluginDirectory(t, { 'quiet/quiet.ts': pluginSource({}) })
    const site = await daemonWithPlugins(t, [directory], [{ name: 'quiet', settings: { password: secret } }])
    assert.equal((await site.ask({ action: 'submit', plugin: 'quiet', args: {} })).state, 'done')
    for (const pid of readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)))
      for (const file of ['cmdline', 'environ'])
        try {
          assert.ok(!readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(secret), `${pid} ${file}`)
        } catch (error) {
          // It ended while we looked.
          if (error instanceof assert.AssertionError) throw error
        }
    assert.ok(!readFileSync(join(site.layout.publicFeed, 'plugins.json'), 'utf8').includes(secret))
    assert.ok(!(await site.audit()).includes(secret))
  },
)
