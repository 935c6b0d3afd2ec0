import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createLog } from '../../hub/log.ts'
import { createLeft } from '../../hub/servers/left.ts'
import { openStore } from '../../hub/store/open.ts'
import { createServerStore, type LeftServer } from '../../hub/store/servers.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { until } from '../harness/until.ts'

const run = (account: string, host: string): LeftServer => ({
  ...{ account, host, instance: `${account}-1`, since: 1 },
  handle: { instance: `${account}-1`, where: host },
})

const parts = async (t: TestContext) => {
  const { db, close } = await openStore(':memory:')
  t.after(close)
  const store = createServerStore(db)
  const silent = new Set<string>()
  const present = new Set<string>()
  const [stopped, ended]: [string[], string[]] = [[], []]
  const make = () => {
    const left = createLeft({
      store,
      spawner: (account) => ({
        stop: async (handle) => {
          stopped.push(account)
          if (silent.has(String(handle.where))) throw new SeneschalError('host.unreachable')
        },
      }),
      isPresent: ({ account }) => present.has(account),
      onEnded: async ({ account }) => void ended.push(account),
      log: createLog({ logLevel: 'silent', name: 'test' }),
      everyMs: 10,
    })
    t.after(() => left.close())
    return left
  }
  return { store, silent, present, stopped, ended, make }
}

test('what was left behind is ended as soon as its host answers, and remembered until then', async (t) => {
  const { store, silent, stopped, ended, make } = await parts(t)
  silent.add('n1')
  const left = make()
  await left.leave(run('clouds', 'n1'))
  await left.leave(run('waves', 'n2'))
  await until(() => ended.includes('waves'))
  await until(() => stopped.filter((account) => account === 'clouds').length > 2)
  assert.deepEqual(await store.left(), [run('clouds', 'n1')])
  assert.deepEqual([left.on('n1'), left.on('n2')], [1, 0])
  silent.clear()
  await until(() => ended.includes('clouds'))
  assert.deepEqual(await store.left(), [])
})

test('of a silent host one is asked for, not all that were left there', async (t) => {
  const { silent, stopped, make } = await parts(t)
  silent.add('n1')
  const left = make()
  for (const account of ['clouds', 'rain', 'waves']) await left.leave(run(account, 'n1'))
  await until(() => stopped.length > 4)
  assert.deepEqual([...new Set(stopped)], ['clouds'])
})

test('a hub that returns goes on with it; what it found again and took up is left alone', async (t) => {
  const { store, present, stopped, ended, make } = await parts(t)
  await store.leave(run('clouds', 'n1'))
  await store.leave(run('waves', 'n1'))
  await store.leave(run('waves', 'n1'))
  present.add('waves')
  await make().recover()
  await until(async () => (await store.left()).length === 0)
  assert.deepEqual([stopped, ended], [['clouds'], ['clouds']])
})
