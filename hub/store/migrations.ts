/**
 * Migrations, in order, never edited once released. Expand first, contract a release later: a hub of the
 * version before and one of this version work on the same database at the same time.
 */
import { type Kysely, sql } from 'kysely'
import type { Tables } from './tables.ts'

type Migration = { readonly name: string; readonly up: (db: Kysely<Tables>) => Promise<void> }

const first = async (db: Kysely<Tables>): Promise<void> => {
  await db.schema
    .createTable('sessions')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('id_hash', 'text', (column) => column.notNull().unique())
    .addColumn('person', 'text', (column) => column.notNull())
    .addColumn('display_name', 'text', (column) => column.notNull())
    .addColumn('issuer', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('groups', 'text', (column) => column.notNull())
    .addColumn('csrf', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('last_seen_at', 'bigint', (column) => column.notNull())
    .addColumn('elevation_class', 'text')
    .addColumn('elevation_until', 'bigint')
    .addColumn('elevation_reason', 'text')
    .addColumn('provider_sid', 'text')
    .addColumn('id_token', 'text')
    .execute()
  await db.schema.createIndex('sessions_person').on('sessions').column('person').execute()
  await db.schema.createIndex('sessions_subject').on('sessions').columns(['issuer', 'subject']).execute()
  await db.schema
    .createTable('login_attempts')
    .addColumn('state_hash', 'text', (column) => column.primaryKey())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('bound_to', 'text', (column) => column.notNull())
    .addColumn('class', 'text')
    .addColumn('reason', 'text')
    .addColumn('nonce', 'text', (column) => column.notNull())
    .addColumn('verifier', 'text', (column) => column.notNull())
    .addColumn('return_path', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema
    .createTable('persons')
    .addColumn('issuer', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('person', 'text', (column) => column.notNull().unique())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('persons_pk', ['issuer', 'subject'])
    .execute()
  await db.schema
    .createTable('kiosks')
    .addColumn('kiosk', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('accounts', 'text')
    .addColumn('code_hash', 'text', (column) => column.unique())
    .addColumn('code_until', 'bigint')
    .addColumn('key', 'text')
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('enrolled_at', 'bigint')
    .addColumn('revoked_at', 'bigint')
    .execute()
  await db.schema
    .createTable('kiosk_nonces')
    .addColumn('nonce_hash', 'text', (column) => column.primaryKey())
    .addColumn('kiosk', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema
    .createTable('kiosk_sessions')
    .addColumn('id_hash', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('kiosk', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema
    .createTable('logout_tokens')
    .addColumn('jti', 'text', (column) => column.primaryKey())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema
    .createTable('servers')
    .addColumn('account', 'text', (column) => column.primaryKey())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('instance', 'text', (column) => column.notNull())
    .addColumn('host', 'text')
    .addColumn('handle', 'text')
    .addColumn('since', 'bigint', (column) => column.notNull())
    .execute()
}

const raisedSid = async (db: Kysely<Tables>): Promise<void> => {
  await db.schema.alterTable('sessions').addColumn('raised_sid', 'text').execute()
}

const providerTokens = async (db: Kysely<Tables>): Promise<void> => {
  await db.schema.alterTable('sessions').addColumn('provider_tokens', 'text').execute()
  await db.schema.alterTable('sessions').addColumn('told_at', 'bigint').execute()
  await db.schema.alterTable('sessions').addColumn('asked_at', 'bigint').execute()
}

const elevationDuration = async (db: Kysely<Tables>): Promise<void> => {
  await db.schema.alterTable('login_attempts').addColumn('duration', 'bigint').execute()
}

/** Tokens of scripts, the door without the provider, ends of kiosks; who somebody was when last seen. */
const tokens = async (db: Kysely<Tables>): Promise<void> => {
  await db.schema.alterTable('sessions').addColumn('address', 'text').execute()
  await db.schema.alterTable('sessions').addColumn('device', 'text').execute()
  await db.schema.alterTable('persons').addColumn('display_name', 'text').execute()
  await db.schema.alterTable('persons').addColumn('groups', 'text').execute()
  await db.schema.alterTable('persons').addColumn('groups_at', 'bigint').execute()
  await db.schema.alterTable('kiosks').addColumn('expires_at', 'bigint').execute()
  await db.schema.alterTable('kiosks').addColumn('last_seen_at', 'bigint').execute()
  await db
    .updateTable('kiosks')
    .set({ expires_at: sql`created_at + ${365 * 24 * 3_600_000}` })
    .execute()
  await db.schema.alterTable('kiosks').addColumn('end_told_at', 'bigint').execute()
  await db.schema
    .createTable('script_tokens')
    .addColumn('token', 'text', (column) => column.primaryKey())
    .addColumn('token_hash', 'text', (column) => column.notNull().unique())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('person', 'text', (column) => column.notNull())
    .addColumn('scope', 'text', (column) => column.notNull())
    .addColumn('addresses', 'text')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('used_at', 'bigint')
    .addColumn('used_from', 'text')
    .addColumn('revoked_at', 'bigint')
    .addColumn('revoked_by', 'text')
    .addColumn('end_told_at', 'bigint')
    .execute()
  await db.schema.createIndex('script_tokens_person').on('script_tokens').column('person').execute()
  await db.schema
    .createTable('break_glass')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('code_hash', 'text', (column) => column.notNull().unique())
    .addColumn('order', 'text', (column) => column.notNull())
    .addColumn('signature', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('told_at', 'bigint')
    .addColumn('used_at', 'bigint')
    .addColumn('ends_at', 'bigint')
    .addColumn('closed_at', 'bigint')
    .execute()
  await db.schema
    .createTable('break_glass_tries')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('person', 'text', (column) => column.notNull())
    .addColumn('by', 'text', (column) => column.notNull())
    .addColumn('told_at', 'bigint')
    .execute()
}

const locks = async (db: Kysely<Tables>): Promise<void> => {
  await db.schema
    .createTable('locks')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('reason', 'text', (column) => column.notNull())
    .addColumn('set_by', 'text', (column) => column.notNull())
    .addColumn('set_at', 'bigint', (column) => column.notNull())
    .addColumn('ends_at', 'bigint')
    .execute()
}

const condemnedHosts = async (db: Kysely<Tables>): Promise<void> => {
  await db.schema
    .createTable('condemned_hosts')
    .addColumn('host', 'text', (column) => column.primaryKey())
    .addColumn('reason', 'text', (column) => column.notNull())
    .addColumn('set_by', 'text', (column) => column.notNull())
    .addColumn('set_at', 'bigint', (column) => column.notNull())
    .execute()
}

const leftServers = async (db: Kysely<Tables>): Promise<void> => {
  await db.schema
    .createTable('left_servers')
    .addColumn('account', 'text', (column) => column.notNull())
    .addColumn('instance', 'text', (column) => column.notNull())
    .addColumn('host', 'text', (column) => column.notNull())
    .addColumn('handle', 'text', (column) => column.notNull())
    .addColumn('since', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('left_servers_key', ['account', 'instance', 'host'])
    .execute()
}

const migrations: readonly Migration[] = [
  { name: '0001-first', up: first },
  { name: '0002-raised-sid', up: raisedSid },
  { name: '0003-provider-tokens', up: providerTokens },
  { name: '0004-elevation-duration', up: elevationDuration },
  { name: '0005-tokens', up: tokens },
  { name: '0006-locks', up: locks },
  { name: '0007-condemned-hosts', up: condemnedHosts },
  { name: '0008-left-servers', up: leftServers },
]

/** Applies what is missing, each migration in a transaction of its own. */
export const migrate = async (db: Kysely<Tables>): Promise<void> => {
  await sql`create table if not exists meta (key text primary key, value text not null)`.execute(db)
  const applied = await db
    .selectFrom('meta')
    .select('value')
    .where('key', '=', 'migration')
    .executeTakeFirst()
  const done = migrations.findIndex(({ name }) => name === applied?.value)
  if (applied !== undefined && done === -1)
    throw new Error(`the database was written by a newer version (migration ${applied.value})`)
  for (const { name, up } of migrations.slice(done + 1))
    await db.transaction().execute(async (transaction) => {
      await up(transaction)
      await transaction
        .insertInto('meta')
        .values({ key: 'migration', value: name })
        .onConflict((conflict) => conflict.column('key').doUpdateSet({ value: name }))
        .execute()
    })
}
