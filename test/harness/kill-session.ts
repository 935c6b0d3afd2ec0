/** A session with raised privileges, and whether it is still exactly the one that it was. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sessionBody } from '../../protocol/api.ts'
import type { KillSite } from './kill-site.ts'
import { createVisitor, type Visitor } from './visitor.ts'

export const signIn = async (site: Pick<KillSite, 'url' | 'port'>, name: string): Promise<Visitor> => {
  const visitor = createVisitor({ origin: site.url, port: site.port })
  await visitor.submit(await visitor.open('/auth/login'), { name, password: name })
  return visitor
}

export const raise = async (visitor: Visitor, name: string): Promise<void> => {
  const answer = await visitor.change('POST', '/auth/elevate', { class: 'execute' })
  assert.equal(answer.status, 200, answer.text)
  const { location } = answer.body as { location: string }
  await visitor.submit(await visitor.open(location), { name, password: name })
}

/** What its person is told: who, and raised to what until when. undefined where the hub does not answer. */
const toldOf = async (visitor: Visitor): Promise<string | undefined> => {
  const answer = await visitor.ask('GET', '/api/session').catch(() => undefined)
  if (answer === undefined || answer.status >= 500) return undefined
  if (answer.status !== 200) return `${answer.status} ${answer.text}`
  const { person, groups, csrf, elevation } = sessionBody.parse(answer.body)
  return JSON.stringify({ person, groups, csrf, elevation })
}

/** What the API does not tell, from the hub's own database. */
const storedIn = (site: KillSite): string => {
  const db = new DatabaseSync(join(site.layout.hub, 'hub.sqlite'), { readOnly: true, timeout: 5000 })
  try {
    const columns = 'name, id_hash, created_at, expires_at, elevation_until'
    return JSON.stringify(db.prepare(`select ${columns} from sessions order by name`).all())
  } finally {
    db.close()
  }
}

/** Of a person with raised privileges; the check says what has changed since. */
export const rememberSession = async (
  site: KillSite,
  visitor: Visitor,
): Promise<() => Promise<string | undefined>> => {
  const cookie = () => visitor.cookieHeader(new URL(site.url))
  const before = { told: await toldOf(visitor), stored: storedIn(site), cookie: cookie() }
  assert.match(before.told ?? '', /"class":"execute"/)
  return async () => {
    const told = await toldOf(visitor)
    if (told === undefined) return 'the hub does not answer'
    if (told !== before.told) return `the session was ${before.told} and is ${told}`
    if (cookie() !== before.cookie) return 'the session has another id'
    const stored = storedIn(site)
    return stored === before.stored ? undefined : `what is stored was ${before.stored} and is ${stored}`
  }
}
