/** Row 29: a right is lost while the account's server starts, and the grant that waits for it is signed all the same. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { codeOf } from '../harness/code-of.ts'
import { permissions, startTestHub } from '../harness/hub.ts'
import { layer } from '../harness/site-feed.ts'
import { until } from '../harness/until.ts'

/** Somebody with raised privileges whose action waits for a server; what a UI server was handed so far. */
const waiting = async (t: TestContext) => {
  const paths: string[] = []
  const h = await startTestHub(t, {
    answer: (request, response) => {
      paths.push(request.url ?? '')
      response.writeHead(202).end()
    },
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  t.after(() => resolve())
  let starting = false
  h.spawner.hold = () => {
    starting = true
    return promise
  }
  const browser = await h.signIn('jacintar')
  await h.raise(browser)
  const asked = browser.change('POST', '/api/accounts/atmosphere_stage/actions/hold', { workflow: 'clouds' })
  await until(() => starting)
  return { h, browser, asked, paths, go: resolve }
}

const losses: Readonly<
  Record<string, { code: string; lose: (room: Awaited<ReturnType<typeof waiting>>) => unknown }>
> = {
  'privileges that were dropped': {
    code: 'elevation.required',
    lose: ({ browser }) => browser.change('DELETE', '/auth/elevation'),
  },
  'privileges that ended': { code: 'elevation.ended', lose: ({ h }) => h.shift(16 * 60_000) },
  'a session that was ended': {
    code: 'session.ended',
    lose: ({ browser }) => browser.change('POST', '/auth/logout'),
  },
  'a right that was taken away': {
    code: 'permission.denied',
    lose: async ({ h, browser }) => {
      await h.permissions(permissions({ version: 2, site: layer({ read: ['everyone'], execute: [] }) }))
      await until(async () =>
        (await browser.ask('GET', '/api/explain?action=hold&account=atmosphere_stage')).text.includes(
          '"allowed":false',
        ),
      )
    },
  },
}

for (const [what, { code, lose }] of Object.entries(losses))
  test(`${what} while a server starts: no grant`, async (t) => {
    const room = await waiting(t)
    await lose(room)
    room.go()
    assert.equal(codeOf(await room.asked), code)
    assert.ok(!room.paths.includes('/actions'), 'nothing was handed over')
    const [record] = await room.h.audited('action.not-sent')
    assert.equal(record?.code, code)
  })

test('whoever lost nothing meanwhile acts', async (t) => {
  const { asked, go, paths } = await waiting(t)
  go()
  assert.equal((await asked).status, 202)
  assert.ok(paths.includes('/actions'))
})
