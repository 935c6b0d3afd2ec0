/** Without a grant nobody but the account itself asks for anything, and that where the site lets it: by the real command line. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createCommandLine } from '../harness/command-line.ts'
import { startDaemon } from '../harness/in-process-daemon.ts'

const definition = 'graph: t\ntasks: { t: { script: "true" } }\n'

const begin = async (t: TestContext, siteFile: string) => {
  const site = await startDaemon(t, {
    workflows: { 'atmosphere_stage/clouds': definition },
    autoplay: false,
    siteFile,
  })
  const { start } = createCommandLine(t)
  const ask = async (on: string) => {
    const words = ['submit', '--action', 'hold', '--on', on, '--site', site.config.root]
    const asked = await start(words).ended
    assert.equal(asked.code, 0, asked.err)
    const id = asked.out.trim()
    const { state, code } = await site.answer(id)
    const told = await start(['status', id, '--follow', '--site', site.config.root]).ended
    assert.equal(told.code, state === 'done' ? 0 : 1, 'the exit code says how it ended')
    assert.match(told.out, new RegExp(`^${id}  ${state}`))
    return [state, code]
  }
  return { site, ask }
}
const rules = 'permissions: { read: [everyone], execute: [everyone], write: [everyone] }\n'

test('an account acts for itself without a grant where the site says nothing else', async (t) => {
  const { site, ask } = await begin(t, rules)
  assert.deepEqual(await ask('~atmosphere_stage/clouds'), ['done', null])
  const done = (await site.audit()).split('\n').find((line) => line.includes('"action.done"')) ?? ''
  assert.equal((JSON.parse(done) as { person: unknown }).person, null, 'no person is claimed')
})

test('an account that is for persons alone is refused without a grant, and told what is missing', async (t) => {
  const own = await begin(t, `${rules}accounts: { atmosphere_stage: { cli: refuse } }\n`)
  assert.deepEqual(await own.ask('~atmosphere_stage/clouds'), ['refused', 'grant.missing'])
  assert.doesNotMatch(await own.site.audit(), /"action\.done"/)
})

test('an account with owners takes requests of persons only, unless its site file says so', async (t) => {
  const owned = await begin(t, `${rules}accounts: { atmosphere_stage: { owners: ["user:owner"] } }\n`)
  assert.deepEqual(await owned.ask('~atmosphere_stage/clouds'), ['refused', 'grant.missing'])
  const both = await begin(
    t,
    `${rules}accounts: { atmosphere_stage: { owners: ["user:owner"], cli: allow } }\n`,
  )
  assert.deepEqual(await both.ask('~atmosphere_stage/clouds'), ['done', null])
})
