/** The hub's database: migrations, and node:sqlite under the query builder. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { createSeal } from '../../hub/auth/seal.ts'
import { createSessions } from '../../hub/auth/sessions.ts'
import { openStore } from '../../hub/store/open.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const seal = createSeal(randomBytes(32))

test('a database is made once, kept, and closed to others', async (t) => {
  const file = join(await temporaryDirectory(t), 'deep/er/hub.sqlite')
  const first = await openStore(file)
  await first.db
    .insertInto('persons')
    .values({ issuer: 'i', subject: 's', person: 'mel', created_at: Date.now() })
    .execute()
  await first.close()
  const second = await openStore(file)
  const rows = await second.db.selectFrom('persons').selectAll().execute()
  assert.equal(rows[0]?.person, 'mel')
  assert.equal(typeof rows[0]?.created_at, 'number')
  await second.close()
  assert.equal((await stat(file)).mode & 0o777, 0o600)
})

test('a database of the first version is brought up to this one, with all that is in it', async (t) => {
  const file = join(await temporaryDirectory(t), 'hub.sqlite')
  const store = await openStore(file)
  const { db } = store
  const sessions = createSessions({ db, seal, now: Date.now })
  const { cookie } = await sessions.create({
    ...{ person: 'mel', displayName: 'Mel', issuer: 'i', subject: 's', groups: [] },
    ...{ expiresAt: Date.now() + 60_000, idToken: null, providerSid: 'one', tokens: {} },
  })
  // As that version left it.
  const later = {
    sessions: ['raised_sid', 'provider_tokens', 'told_at', 'asked_at', 'address', 'device'],
    login_attempts: ['duration'],
    persons: ['display_name', 'groups', 'groups_at'],
    kiosks: ['expires_at', 'last_seen_at', 'end_told_at'],
  }
  for (const [table, columns] of Object.entries(later))
    for (const column of columns) await db.schema.alterTable(table).dropColumn(column).execute()
  for (const table of [
    ...['script_tokens', 'break_glass', 'break_glass_tries'],
    ...['locks', 'condemned_hosts', 'left_servers'],
  ])
    await db.schema.dropTable(table).execute()
  await db.updateTable('meta').set({ value: '0001-first' }).where('key', '=', 'migration').execute()
  await store.close()
  const now = await openStore(file)
  t.after(() => now.close())
  const found = createSessions({ db: now.db, seal, now: Date.now })
  assert.equal((await found.find(cookie))?.person, 'mel')
  assert.equal((await found.end({ issuer: 'i', sid: 'one' })).length, 1)
})

test('a hub refuses a database that a newer one wrote', async (t) => {
  const file = join(await temporaryDirectory(t), 'hub.sqlite')
  const store = await openStore(file)
  await store.db.updateTable('meta').set({ value: '9999-later' }).where('key', '=', 'migration').execute()
  await store.close()
  await assert.rejects(openStore(file), /newer version \(migration 9999-later\)/)
})

test('a change that fails half-way leaves nothing behind', async (t) => {
  const store = await openStore(join(await temporaryDirectory(t), 'hub.sqlite'))
  t.after(() => store.close())
  const person = { issuer: 'i', subject: 's', person: 'mel', created_at: 0 }
  await assert.rejects(
    store.db.transaction().execute(async (transaction) => {
      await transaction.insertInto('persons').values(person).execute()
      await transaction.insertInto('persons').values(person).execute()
    }),
    /UNIQUE/,
  )
  assert.deepEqual(await store.db.selectFrom('persons').selectAll().execute(), [])
})

test('columns are texts and integers only, so that another database can hold them', async (t) => {
  const store = await openStore(join(await temporaryDirectory(t), 'hub.sqlite'))
  t.after(() => store.close())
  for (const table of await store.db.introspection.getTables())
    for (const column of table.columns)
      assert.ok(
        ['TEXT', 'BIGINT', 'SMALLINT'].includes(column.dataType.toUpperCase()),
        `${table.name}.${column.name}`,
      )
})
