/** The sealed key of a hub under test, and the door that it opens. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { type DoorOrder, orderDoor } from '../../hub/break-glass/host.ts'
import { makeSealedKey } from '../../hub/break-glass/sealed-key.ts'
import { type Database, openStore } from '../../hub/store/open.ts'
import { origin, type TestHub } from './hub.ts'
import type { Page, Visitor } from './visitor.ts'

export const passphrase = 'correct horse battery staple of the test'

export type Host = {
  readonly db: Database
  /** As the command does it on the hub's host; resolves to the code. */
  readonly order: (
    person: string,
    minutes?: number,
    over?: Partial<DoorOrder>,
    secret?: string,
  ) => Promise<string>
}

export const setUpHost = async (t: TestContext, h: TestHub, now: () => number = Date.now): Promise<Host> => {
  await makeSealedKey(h.config.keys, passphrase)
  const store = await openStore(h.config.database)
  t.after(() => store.close())
  return {
    db: store.db,
    order: async (person, minutes = 15, over = {}, secret = passphrase) => {
      const asked = {
        ...{ db: store.db, keys: h.config.keys, hub: origin, person, minutes, by: 'seneschal', now },
        ...over,
      }
      const { url } = await orderDoor(asked, secret)
      const [, code = ''] = url.split('#')
      assert.match(url, /^https:\/\/hub\.test\/break-glass#[a-z0-9]{26}$/)
      return code
    },
  }
}

export const bring = (by: Visitor, code: string): Promise<Page> =>
  by.change('POST', '/auth/break-glass', { code }, '')
