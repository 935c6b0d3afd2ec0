import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createStrangers } from '../../daemon/strangers.ts'

const transport = { kind: 'local', command: ['agent'] } as const
const accounts = { atmosphere_stage: { transport } } as never

/** A name service that counts its questions. */
const service = (answer: (uid: string) => readonly string[] | undefined) => {
  const asked: string[] = []
  let now = 0
  const strangerOf = createStrangers({
    accounts,
    lookup: async (_database, uid) => {
      asked.push(uid)
      return answer(uid)
    },
    now: () => now,
  })
  return { asked, strangerOf, later: (ms: number) => (now += ms) }
}

test('a flood of one uid asks the name service once a minute, whether it knows them or not', async () => {
  const { asked, strangerOf, later } = service((uid) => (uid === '1234' ? ['mel', 'x', uid] : undefined))
  const names = await Promise.all(Array.from({ length: 3000 }, () => strangerOf(1234)))
  assert.deepEqual(new Set(names), new Set(['mel']))
  assert.equal(await strangerOf(99), undefined)
  assert.equal(await strangerOf(99), undefined)
  assert.deepEqual(asked, ['1234', '99'])
  later(60_000)
  assert.equal(await strangerOf(1234), 'mel')
  assert.deepEqual(asked, ['1234', '99', '1234'])
})

test('neither root nor a name that is an account’s, or no name, is a stranger', async () => {
  const { asked, strangerOf } = service((uid) => [uid === '7' ? 'atmosphere_stage' : 'a b', 'x', uid])
  assert.deepEqual(await Promise.all([0, 7, 8].map(strangerOf)), [undefined, undefined, undefined])
  assert.deepEqual(asked, ['7', '8'])
})

test('a name service that failed is asked again, and many uids push each other out', async () => {
  let isDown = true
  const { asked, strangerOf } = service((uid) => {
    if (isDown) throw new Error('it hangs')
    return ['mel', 'x', uid]
  })
  await assert.rejects(strangerOf(1), /it hangs/)
  isDown = false
  assert.equal(await strangerOf(1), 'mel')
  for (let uid = 2; uid <= 1001; uid += 1) await strangerOf(uid)
  asked.length = 0
  await strangerOf(1001)
  await strangerOf(1)
  assert.deepEqual(asked, ['1'])
})
