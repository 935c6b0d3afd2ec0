/** Two daemons on one state, at once or one after the other, on one host or on two. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Held, type HoldParts, holdLease } from '../../daemon/lease/hold.ts'
import {
  type Lease,
  leaseFile,
  lockFile,
  raiseEpoch,
  readLease,
  writeLease,
} from '../../daemon/lease/lease.ts'
import { putLease } from '../../daemon/lease/own-lease.ts'
import { realDisk } from '../../durable/disk.ts'
import { openEpochs } from '../../runners/epoch.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const begin = async (t: TestContext) => {
  const taken: Held[] = []
  t.after(() => Promise.all(taken.map((held) => held.release())))
  const state = await temporaryDirectory(t)
  const time = { now: 1_000_000_000_000, monotonic: 0 }
  const lost: string[] = []
  const hold = async (over: Partial<HoldParts> = {}): Promise<Held> => {
    const held = await holdLease({
      state,
      now: () => time.now,
      monotonic: () => time.monotonic,
      onLost: ({ code }) => lost.push(code),
      onProblem: (error) => assert.fail(String(error)),
      ...over,
    })
    taken.push(held)
    return held
  }
  return { state, time, lost, hold }
}
const refused = { code: 'lease.held' }

test('a second daemon on this host is told who is there, and the first goes on', async (t) => {
  const { state, hold } = await begin(t)
  const first = await hold()
  const before = readFileSync(leaseFile(state), 'utf8')
  await assert.rejects(hold(), { ...refused, message: new RegExp(`process ${process.pid} `) })
  assert.equal(readFileSync(leaseFile(state), 'utf8'), before)
  await first.check()
  await first.release()
  assert.equal((await hold()).epoch, first.epoch + 1)
})

test('two that start at the same moment: one of them has it', async (t) => {
  const { hold } = await begin(t)
  const both = await Promise.allSettled([hold(), hold()])
  assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
})

test('one that was killed is in nobody’s way, whoever has its process number now', async (t) => {
  const { state, hold } = await begin(t)
  const modules = join(import.meta.dirname, '../../daemon/lease/hold.ts')
  const script = `import { holdLease } from ${JSON.stringify(modules)}
    await holdLease({ state: ${JSON.stringify(state)}, now: Date.now, monotonic: () => 0, onLost: () => {}, onProblem: () => {} })
    console.log('held'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise((resolve) => child.stdout.once('data', resolve))
  await assert.rejects(hold(), refused)
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
  // As if its number were ours now.
  const stale = await readLease(state)
  assert.ok(stale !== undefined)
  await writeLease(state, { ...stale, pid: process.pid })
  assert.equal((await hold()).epoch, 2)
})

test('a daemon of another host counts as alive for a minute after its last word', async (t) => {
  const { state, time, hold } = await begin(t)
  const other: Lease = {
    ...{ v: 1, epoch: 7, takeovers: 0, host: 'elsewhere', boot: 'b', pid: 9, start: '1' },
    ...{ started: time.now - 100_000, renewed: time.now - 59_000 },
  }
  await writeLease(state, other)
  await assert.rejects(hold(), { ...refused, message: /on elsewhere .*epoch 7.*59 s ago.*takeover/ })
  time.now += 2000
  assert.equal((await hold()).epoch, 8)
})

test('one that was taken over writes nothing more, and a smaller epoch is obeyed by no supervisor', async (t) => {
  const { state, time, lost, hold } = await begin(t)
  const first = await hold()
  const disk = first.disk(realDisk)
  const file = await open(join(state, 'journal'), 'w')
  t.after(() => file.close())
  await disk.write(file.fd, Buffer.from('before'), 0)
  assert.equal((await raiseEpoch(state, { host: 'here', now: time.now })).epoch, 2)
  // Its lock still is there, as that of a process that hangs: the next one does not wait for it.
  const second = await hold()
  assert.equal(second.epoch, 3)
  time.monotonic += 300
  await assert.rejects(disk.write(file.fd, Buffer.from('after!'), 0), { code: 'lease.lost' })
  await assert.rejects(disk.truncate(file.fd, 0), { code: 'lease.lost' })
  assert.equal(readFileSync(join(state, 'journal'), 'utf8'), 'before')
  assert.deepEqual(lost, ['lease.lost'])
  await first.release()
  assert.equal((await readLease(state))?.epoch, 3, 'it takes nothing away when it goes')
  await second.check()

  const home = await temporaryDirectory(t)
  const epochs = await openEpochs(home)
  await epochs.admit(first.epoch)
  await epochs.admit(second.epoch)
  await assert.rejects(epochs.admit(first.epoch), { code: 'lease.lost' })
  await assert.rejects(
    (await openEpochs(home)).admit(first.epoch),
    { code: 'lease.lost' },
    'also a new supervisor',
  )
})

test('one that was stopped while it renewed its lease does not take the state back', async (t) => {
  const { state, time } = await begin(t)
  const lease: Lease = {
    ...{ v: 1, epoch: 4, takeovers: 0, host: 'here', boot: 'b', pid: 9, start: '1' },
    ...{ started: time.now, renewed: time.now },
  }
  const own = await putLease(state, lease)
  t.after(own.close)
  await own.say({ ...lease, renewed: time.now + 5000 })
  assert.equal((await readLease(state))?.renewed, time.now + 5000)
  const raised = await raiseEpoch(state, { host: 'elsewhere', now: time.now })
  await own.say({ ...lease, renewed: time.now + 10_000 })
  assert.deepEqual(await readLease(state), raised)
})

test('a holder whose lock goes has lost the lease', async (t) => {
  const { state, lost, hold } = await begin(t)
  const held = await hold()
  const lock = lockFile(state, 0)
  const { execFileSync } = await import('node:child_process')
  const keepers = execFileSync('sh', [
    '-c',
    `for p in /proc/[0-9]*; do [ "$(readlink $p/fd/3 2>/dev/null)" = "${lock}" ] && echo "\${p#/proc/}"; done; true`,
  ])
    .toString()
    .trim()
  assert.notEqual(keepers, '')
  for (const pid of keepers.split('\n')) process.kill(Number(pid), 'SIGKILL')
  await until(() => lost.length === 1)
  await assert.rejects(held.check(), { code: 'lease.lost' })
})

test('a lease that nobody can read is guessed by nobody', async (t) => {
  const { state, hold } = await begin(t)
  for (const text of ['', '{', '{"v":2}', '{"v":1,"epoch":-1}']) {
    writeFileSync(leaseFile(state), text)
    await assert.rejects(hold(), { code: 'input.invalid' }, text)
  }
})
