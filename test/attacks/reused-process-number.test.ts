/** Row 38: the number of a job's process belongs to somebody else by the time it is to be killed. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createBackground } from '../../runners/background.ts'
import { bootId, factsOf } from '../../runners/processes.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

/** Leads a session of its own, as wrappers do. */
const bystander = async (
  t: TestContext,
  marker?: string,
): Promise<ChildProcess & { readonly pid: number }> => {
  const env = { PATH: '/usr/bin:/bin', ...(marker === undefined ? {} : { SENESCHAL_LOG_DIR: marker }) }
  const child = spawn('sleep', ['600'], { detached: true, stdio: 'ignore', env })
  t.after(() => child.kill('SIGKILL'))
  await new Promise((resolve) => child.once('spawn', resolve))
  const { pid } = child
  assert.ok(pid !== undefined)
  return Object.assign(child, { pid })
}

const begin = async (t: TestContext) => {
  const root = await temporaryDirectory(t)
  const directory = join(root, 'clouds/log/job/1/climb/01')
  await mkdir(directory, { recursive: true })
  await mkdir(join(root, 'events'))
  const boot = await bootId()
  const runner = createBackground({
    ...{ now: Date.now, graceMs: 50, boot, events: join(root, 'events') },
    warn: (message, context) => assert.fail(`${message} ${JSON.stringify(context)}`),
  })
  t.after(runner.close)
  const record = {
    v: 1,
    job: { workflow: 'clouds', cycle: '1', task: 'climb', submit: 1 },
    ...{ attempt: 1, runner: 'background', submittedAt: Date.now(), boot },
  }
  await writeFile(join(directory, 'job.json'), JSON.stringify(record))
  const says = (pid: number, start: string, of: string) =>
    writeFile(join(directory, '.pid'), `${pid} ${start} ${of}\n`)
  const stateOf = async () => (await runner.poll([directory])).get(directory)
  return { runner, directory, boot, says, stateOf }
}

const lies = {
  'that began later': async (pid: number, boot: string) => {
    const facts = await factsOf(pid)
    return [String(Number(facts?.start) - 1000), boot] as const
  },
  'of another boot of the host': async (pid: number) => {
    const facts = await factsOf(pid)
    return [facts?.start ?? '', '00000000-0000-0000-0000-000000000000'] as const
  },
}

for (const [what, lie] of Object.entries(lies))
  test(`a process ${what} under the job's number is not the job, and is not killed`, async (t) => {
    const { runner, directory, boot, says, stateOf } = await begin(t)
    const innocent = await bystander(t)
    const [start, of] = await lie(innocent.pid, boot)
    await says(innocent.pid, start, of)
    await runner.kill(directory)
    await until(async () => {
      const state = await stateOf()
      return state !== undefined && 'state' in state && state.state !== 'running'
    })
    assert.deepEqual([innocent.exitCode, innocent.signalCode], [null, null])
    assert.equal((await factsOf(innocent.pid))?.dead, false)
  })

test('the very process is killed, with whatever of the job left its session, and nothing beside it', async (t) => {
  const { runner, directory, boot, says, stateOf } = await begin(t)
  const [leader, runaway, innocent] = [await bystander(t), await bystander(t, directory), await bystander(t)]
  await says(leader.pid, (await factsOf(leader.pid))?.start ?? '', boot)
  const running = await stateOf()
  assert.equal(running !== undefined && 'state' in running ? running.state : running, 'running')
  await runner.kill(directory)
  await until(() => leader.signalCode !== null && runaway.signalCode !== null)
  assert.deepEqual([innocent.exitCode, innocent.signalCode], [null, null])
})
