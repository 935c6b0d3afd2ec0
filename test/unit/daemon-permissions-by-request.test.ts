/** Permissions of an account or a workflow that somebody asks for: when they count, and until when. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type LayerRow, layerKey } from '../../protocol/layers.ts'
import type { PermissionSnapshot, Rules } from '../../protocol/permissions.ts'
import type { Ask } from '../../protocol/requests.ts'
import { elevated } from '../harness/daemon.ts'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { until } from '../harness/until.ts'

const flow = (permissions = '') => `graph: t\ntasks: { t: { script: "true" } }\n${permissions}`
const siteFile = `
permissions: { read: [everyone], execute: [everyone], write: ["user:mel"] }
roles: { admin: ["user:root-of-site"] }
accounts: { atmosphere_stage: { owners: ["user:jacintar"], cli: allow } }
`
const as = (sub: string) => ({ sub, ...elevated('write') })
const account = 'atmosphere_stage'

const startSite = async (t: TestContext, accountFile?: string) => {
  const site = await startDaemon(t, {
    workflows: { [`${account}/clouds`]: flow('permissions: { kill: [owner] }\n') },
    siteFile,
    autoplay: false,
    before: async ({ dir }) => {
      if (accountFile !== undefined)
        await writeFile(join(dir, 'definitions', account, 'account.yaml'), accountFile)
    },
  })
  const entry = async () => {
    const text = await readFile(join(site.layout.siteFeed, 'permissions.json'), 'utf8')
    return (JSON.parse(text) as PermissionSnapshot).accounts[account]
  }
  return {
    ...site,
    restart: () => site.restart(),
    writeAccount: (text: string) => writeFile(join(site.dir, 'definitions', account, 'account.yaml'), text),
    writeFlow: (permissions: string) =>
      writeFile(join(site.dir, 'definitions', account, 'clouds/workflow.yaml'), flow(permissions)),
    change: (args: Ask['args'], on: Partial<Ask> = {}, who = 'jacintar') =>
      site.ask({ action: 'permissions', account, ...on, args }, as(who)),
    accountRules: async (): Promise<Rules | undefined> => (await entry())?.layer?.rules,
    accountSource: async () => (await entry())?.layer?.source,
    flowRules: async (): Promise<Rules | undefined> => (await entry())?.workflows.clouds?.rules,
    /** As a hub that follows the site's feed knows them, the oldest first. */
    versions: async (workflow: string | null = null): Promise<readonly LayerRow[]> => {
      const rows = new Map<string, LayerRow>()
      for (const name of (await readdir(site.layout.siteFeed))
        .filter((file) => file.endsWith('.ndjson'))
        .sort())
        for (const line of (await readFile(join(site.layout.siteFeed, name), 'utf8'))
          .split('\n')
          .filter(Boolean)) {
          const { put, drop } = JSON.parse(line)
          for (const { kind, key, row } of put) if (kind === 'layer') rows.set(key, row)
          for (const { kind, key } of drop) if (kind === 'layer') rows.delete(key)
        }
      for (const [key, row] of rows) assert.equal(key, layerKey(row))
      return [...rows.values()].filter((row) => row.workflow === workflow)
    },
  }
}

test('an owner replaces the permissions of an account and of a workflow, and both are versions', async (t) => {
  const site = await startSite(t)
  assert.equal(await site.accountRules(), undefined)
  assert.equal((await site.change({ base: 0, text: '# mine\nexecute: [owner]\n' })).state, 'done')
  await until(async () => (await site.accountRules())?.execute !== undefined)
  assert.deepEqual(await site.accountRules(), { execute: ['owner'] })
  assert.deepEqual(await site.accountSource(), {
    file: 'permissions of atmosphere_stage, version 1',
    lines: { execute: 2 },
  })
  assert.equal(
    (await site.change({ base: 1, text: 'execute: [everyone]' }, { workflow: 'clouds' })).state,
    'done',
  )
  await until(async () => (await site.flowRules())?.execute !== undefined)
  assert.deepEqual(await site.flowRules(), { execute: ['everyone'] }, 'they take the place of the file’s')

  await until(async () => (await site.versions('clouds')).length === 2)
  const told = (await site.versions('clouds')).map(({ version, origin, person, text }) => [
    version,
    origin,
    person,
    text,
  ])
  assert.deepEqual(told, [
    [1, 'file', null, 'kill: [owner]\n'],
    [2, 'request', 'jacintar', 'execute: [everyone]'],
  ])
  assert.match(
    await site.audit(),
    /"reason":"Version 2: execute: not said → everyone; kill: owner → not said\."[^\n]*User jacintar changed the permissions of atmosphere_stage\.clouds/,
  )
})

test('only owners and administrators of the site: not who may write, nor the account by itself', async (t) => {
  const site = await startSite(t)
  assert.equal((await site.change({ base: 0, text: 'read: [owner]' }, {}, 'mel')).code, 'permission.denied')
  const id = randomUUID()
  await site.put({ version: 1, id, action: 'permissions', account, args: { base: 0, text: 'read: [owner]' } })
  assert.equal((await site.answer(id)).state, 'refused')
  assert.equal(await site.accountRules(), undefined)
  assert.equal((await site.change({ base: 0, text: 'read: [owner]' }, {}, 'root-of-site')).state, 'done')
})

test('whoever did not see what is in force replaces nothing', async (t) => {
  const site = await startSite(t)
  const both = await Promise.all(
    ['read: [owner]', 'read: [everyone]'].map((text) => site.change({ base: 0, text })),
  )
  assert.deepEqual(both.map(({ state }) => state).sort(), ['done', 'refused'])
  assert.ok(both.some(({ code }) => code === 'permissions.changed'))
  assert.equal((await site.versions()).length, 1)
})

test('what is not right is refused with line and column, and changes nothing', async (t) => {
  const site = await startSite(t)
  const wrong: Readonly<Record<string, RegExp>> = {
    'read: [owner]\nexecute: [evryone]': /permissions:2:11: /,
    'reed: [owner]': /permissions:1:1: unknown key reed/,
    'own: [everyone]': /unknown key own/,
    'permissions: { read: [owner] }': /permissions:1:1: only what stands below/,
    'read: [owner]\nread: [everyone]': /permissions:2:1: /,
    'read: owner': /permissions:1:1: /,
    '- owner': /permissions:1:/,
    'read: &a [owner]\nexecute: *b': /permissions:2:/,
  }
  for (const [text, reason] of Object.entries(wrong)) {
    const { state, code, id } = await site.change({ base: 0, text })
    assert.deepEqual([state, code], ['refused', 'permissions.invalid'], text)
    const record = (await site.audit()).split('\n').find((line) => line.includes(id))
    assert.match(JSON.parse(record ?? '{}').reason, reason, text)
  }
  for (const args of [{ base: 0 }, { base: 0, text: '', restore: 1 }, { base: -1, text: '' }, { text: '' }])
    assert.equal((await site.change(args)).code, 'args.invalid', JSON.stringify(args))
  for (const text of ['x'.repeat(7 * 1024 + 1), 'read: [owner] # \u202eenwo', 'read: [owner]\0'])
    assert.equal((await site.change({ base: 0, text })).code, 'args.invalid')
  assert.equal(await site.accountRules(), undefined)
})

test('a version of before comes back as a new one', async (t) => {
  const site = await startSite(t, 'permissions: { execute: [owner] }\n')
  assert.equal((await site.change({ base: 1, text: 'execute: []' })).state, 'done')
  assert.equal((await site.change({ base: 2, restore: 7 })).code, 'permissions.unknown')
  assert.equal((await site.change({ base: 2, restore: 1 })).state, 'done')
  await until(async () => (await site.accountRules())?.execute?.[0] === 'owner')
  await until(async () => (await site.versions()).length === 3)
  const { version, from, person, origin } = (await site.versions()).at(-1) ?? {}
  assert.deepEqual(
    { version, from, person, origin },
    { version: 3, from: 1, person: 'jacintar', origin: 'request' },
  )
})

test('a file that says what it said before undoes nothing, a restart neither; once it says otherwise, it counts', async (t) => {
  const site = await startSite(t, 'permissions: { execute: [owner] }\n')
  assert.deepEqual(await site.accountRules(), { execute: ['owner'] })
  await site.change({ base: 1, text: 'execute: [everyone]' })
  await site.change({ base: 1, text: 'kill: [everyone]' }, { workflow: 'clouds' })
  await until(async () => (await site.flowRules())?.kill?.[0] === 'everyone')
  await site.writeAccount('title: The same\npermissions:\n  execute: [owner]\n')
  await site.writeFlow('# the same\npermissions: { kill: [owner] }\n')
  await site.restart()
  assert.deepEqual(await site.accountRules(), { execute: ['everyone'] })
  assert.deepEqual(await site.flowRules(), { kill: ['everyone'] })
  assert.equal((await site.ask({ action: 'reload', workflow: 'clouds' }, as('jacintar'))).state, 'done')
  assert.deepEqual(await site.flowRules(), { kill: ['everyone'] }, 'nor a reload')

  await site.writeAccount('permissions: { execute: [] }\n')
  await until(async () => (await site.accountRules())?.execute?.length === 0)
  await site.writeFlow('permissions: { kill: [] }\n')
  assert.equal((await site.ask({ action: 'reload', workflow: 'clouds' }, as('mel'))).state, 'done')
  await site.restart()
  assert.deepEqual(await site.flowRules(), { kill: ['everyone'] }, 'a workflow’s waits for an owner')
  assert.equal((await site.ask({ action: 'reload', workflow: 'clouds' }, as('jacintar'))).state, 'done')
  await until(async () => (await site.flowRules())?.kill?.length === 0)
  await until(async () => (await site.versions('clouds')).length === 3)
  const { version, origin, person } = (await site.versions('clouds')).at(-1) ?? {}
  assert.deepEqual({ version, origin, person }, { version: 3, origin: 'file', person: 'jacintar' })
})

test('a file that goes away takes its permissions with it, and they can be brought back', async (t) => {
  const site = await startSite(t, 'permissions: { execute: [owner] }\n')
  await site.writeAccount('title: Nothing about permissions\n')
  await until(async () => (await site.accountRules()) === undefined)
  assert.equal((await site.change({ base: 2, restore: 1 })).state, 'done')
  await until(async () => (await site.accountRules())?.execute !== undefined)
})

test('versions are kept in number, the latest fifty', async (t) => {
  const site = await startSite(t)
  for (let base = 0; base < 53; base++)
    assert.equal((await site.change({ base, text: `read: [everyone, "user:p${base}"]` })).state, 'done')
  await until(async () => (await site.versions()).at(-1)?.version === 53)
  const versions = await site.versions()
  assert.equal(versions.length, 50)
  assert.equal(versions[0]?.version, 4)
})
