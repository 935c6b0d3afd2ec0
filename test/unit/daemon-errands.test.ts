import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createErrands, type Errand } from '../../daemon/errands.ts'

type Submit = NonNullable<Errand['submit']>

const submit = (number: number): Submit => ({
  kind: 'submit',
  cycle: '1',
  task: 'climb',
  submit: number,
  attempt: 1,
  job: { script: 'true', runner: 'background', environment: {} },
})
const kill = (number: number) => ({ kind: 'kill', cycle: '1', task: 'climb', submit: number }) as const
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A host at which submissions hang until they are let go. */
const host = () => {
  const log: string[] = []
  const held: (() => void)[] = []
  const ended = new AbortController()
  const resting = { yes: false }
  const run = async (errand: Errand): Promise<void> => {
    while (errand.kill || errand.submit !== undefined) {
      const what = errand.kill ? 'kill' : 'submit'
      log.push(`${what} ${errand.job.submit}`)
      if (what === 'submit') await new Promise<void>((resolve) => held.push(resolve))
      if (what === 'kill') errand.kill = false
      errand.submit = undefined
    }
  }
  const errands = createErrands(run, ended.signal, () => !resting.yes)
  return { log, held, resting, end: () => ended.abort(), ...errands }
}

test('a kill waits for no submission, not even for those that hang', () => {
  const { log, owe } = host()
  for (let number = 1; number <= 1000; number += 1) owe('clouds', submit(number))
  const before = log.length
  assert.ok(before > 0 && before < 100)
  owe('clouds', kill(500))
  assert.deepEqual(log.slice(before), ['kill 500'])
})

test('what is killed before its turn is not submitted, and each place is given on', async () => {
  const { log, held, owe } = host()
  for (let number = 1; number <= 40; number += 1) owe('clouds', submit(number))
  owe('clouds', kill(40))
  for (let rounds = 0; rounds < 10; rounds += 1) {
    for (const letGo of held.splice(0)) letGo()
    await turn()
  }
  assert.deepEqual(
    log.filter((line) => line.startsWith('submit')),
    Array.from({ length: 39 }, (_, index) => `submit ${index + 1}`),
  )
  assert.deepEqual(
    log.filter((line) => line.startsWith('kill')),
    ['kill 40'],
  )
})

test('a kill of what is being submitted comes right after it', async () => {
  const { log, held, owe } = host()
  owe('clouds', submit(1))
  owe('clouds', kill(1))
  assert.deepEqual(log, ['submit 1'])
  for (const letGo of held.splice(0)) letGo()
  await turn()
  assert.deepEqual(log, ['submit 1', 'kill 1'])
})

test('at the daemon’s end nothing more is begun', async () => {
  const { log, held, end, owe } = host()
  for (let number = 1; number <= 40; number += 1) owe('clouds', submit(number))
  const before = log.length
  end()
  for (const letGo of held.splice(0)) letGo()
  await turn()
  assert.equal(log.length, before)
})

test('while nothing may start, nothing is submitted; what is killed meanwhile is killed at once', () => {
  const { log, owe, resting, again } = host()
  resting.yes = true
  owe('clouds', submit(1))
  owe('clouds', submit(2))
  owe('clouds', kill(2))
  assert.deepEqual(log, ['kill 2'])
  resting.yes = false
  again()
  assert.deepEqual(log, ['kill 2', 'submit 1'])
})
