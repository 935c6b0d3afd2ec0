/** Row 43: somebody who may write a definition writes into it that more people may do more. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { actions } from '../../protocol/actions/registry.ts'
import { elevated } from '../harness/daemon.ts'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { startServing } from '../harness/serving.ts'
import { until } from '../harness/until.ts'

const definition = (permissions: string, script = 'true') =>
  `graph: t\ntasks: { t: { script: "${script}" } }\n${permissions}`
const narrow = 'permissions: { kill: [owner] }\n'
const wide = 'permissions: { kill: [everyone], write: [everyone] }\n'
const siteFile = `
permissions: { read: [everyone], execute: [everyone], write: ["user:mel"] }
accounts: { atmosphere_stage: { owners: ["user:jacintar"], cli: allow } }
`
const reload = { action: 'reload', workflow: 'clouds' } as const
const as = (sub: string) => ({ sub, ...elevated('write') })

const startSite = async (t: TestContext) => {
  const site = await startDaemon(t, {
    workflows: { 'atmosphere_stage/clouds': definition(narrow) },
    siteFile,
    autoplay: false,
  })
  const feed = site.layout.accountFeed('atmosphere_stage')
  return {
    ...site,
    restart: () => site.restart(),
    write: (text: string) =>
      writeFile(join(site.dir, 'definitions/atmosphere_stage/clouds/workflow.yaml'), text),
    source: () => readFile(join(feed, 'source/clouds.yaml'), 'utf8'),
    /** What the snapshot that hub and UI servers decide by says of the workflow. */
    layer: async () => {
      const text = await readFile(join(site.layout.siteFeed, 'permissions.json'), 'utf8')
      return JSON.parse(text).accounts.atmosphere_stage.workflows.clouds?.rules
    },
    /** Whether mel, who is no owner, may kill. There is nothing to kill, which is another answer. */
    mayKill: async () => {
      const kill = { action: 'kill', workflow: 'clouds', cycle: '1', task: 't' }
      return (await site.ask(kill, as('mel'))).code !== 'permission.denied'
    },
  }
}

test('a reload by somebody with write takes the definition up and leaves the permissions in force', async (t) => {
  const site = await startSite(t)
  assert.equal(await site.mayKill(), false)
  await site.write(definition(wide, 'echo new'))
  assert.equal((await site.ask(reload, as('mel'))).state, 'done')
  // The rest of it is in force.
  await until(async () => (await site.source()) === definition(wide, 'echo new'))
  assert.deepEqual(await site.layer(), { kill: ['owner'] })
  assert.equal(await site.mayKill(), false)
  assert.match(
    await site.audit(),
    /"reason":"[^"]*clouds\/workflow\.yaml:3:1: its permissions are not in force[^\n]*User mel reloaded/,
  )

  await site.restart()
  assert.equal(await site.mayKill(), false, 'nor does a restart put them in force')

  assert.equal((await site.ask(reload, as('jacintar'))).state, 'done')
  await until(async () => (await site.layer()).write !== undefined)
  assert.equal(await site.mayKill(), true, 'an owner does')
})

test('nor does the account itself put them in force, though it may reload', async (t) => {
  const site = await startSite(t)
  await site.write(definition(wide))
  const id = randomUUID()
  await site.put({ version: 1, id, ...reload, account: 'atmosphere_stage', args: {} })
  assert.equal((await site.answer(id)).state, 'done')
  await until(async () => (await site.source()) === definition(wide))
  await site.restart()
  assert.deepEqual(await site.layer(), { kill: ['owner'] })
})

test('nor does a file that was changed while the daemon was down, or that has no permissions any more', async (t) => {
  const site = await startSite(t)
  for (const text of [definition(wide), definition('')]) {
    await site.daemon.stop()
    await site.write(text)
    await site.restart()
    assert.deepEqual(await site.layer(), { kill: ['owner'] })
    assert.equal(await site.mayKill(), false)
  }
  assert.match(await site.audit(), /"event":"configuration.refused".*its permissions are not in force/)
})

test('the daemon refuses a write delegate who asks for permissions, install or uninstall', async (t) => {
  const site = await startSite(t)
  for (const action of ['permissions', 'install', 'uninstall']) {
    const args = { permissions: { kill: ['everyone'] } }
    const { state, code } = await site.ask({ action, workflow: 'clouds', args }, as('mel'))
    assert.equal(state, 'refused')
    // Once such an action exists, it is the permission that refuses.
    assert.equal(code, action in actions ? 'permission.denied' : 'action.unknown')
  }
  assert.deepEqual(await site.layer(), { kill: ['owner'] })
})

test('the hub signs no grant for it either', async (t) => {
  const hub = await startServing(t)
  await hub.open('atmosphere_stage')
  const mel = await hub.raise(await hub.signIn('mel'), 'write')
  for (const action of ['permissions', 'install', 'uninstall']) {
    const body = { workflow: 'clouds', args: { permissions: { kill: ['everyone'] } } }
    const answer = await mel.send('POST', `/api/accounts/atmosphere_stage/actions/${action}`, body)
    assert.ok([403, 404].includes(answer.status), `${action}: ${answer.status} ${answer.text}`)
  }
})
