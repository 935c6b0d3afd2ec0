/** A supervisor that hangs is as good as dead: the next call ends it, and its jobs go on. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createJobsClient, type JobsClient } from '../../daemon/jobs-client.ts'
import { endProcessesAt } from '../../demo/leftovers.ts'
import { createLocalTransport } from '../../wire/local-transport.ts'
import { runs } from '../harness/kill-processes.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const farSide = join(import.meta.dirname, '../../dist/far/seneschal.mjs')
const job = { workflow: 'clouds', cycle: '1', task: 'climb', submit: 1 }
const script =
  'echo begun >>"$SENESCHAL_SHARE_DIR/begun"; while [ ! -e "$SENESCHAL_SHARE_DIR/over" ]; do sleep 0.1; done'

const newHost = async (t: TestContext) => {
  const home = await temporaryDirectory(t)
  const jobEvents = join(home, 'events')
  await mkdir(jobEvents)
  t.after(() => endProcessesAt([home]))
  const call = (): JobsClient => {
    const transport = createLocalTransport({
      command: [process.execPath, farSide, 'agent', '--role', 'daemon'],
      env: { PATH: process.env.PATH ?? '', HOME: home },
    })
    const silent = { noise: () => undefined, progress: () => undefined }
    const client = createJobsClient(
      transport,
      { version: 1, account: 'atmosphere_stage', jobEvents },
      1,
      silent,
    )
    t.after(client.close)
    return client
  }
  const supervisor = (): number => {
    const [record = ''] = globSync(join(home, '.seneschal/run/*/supervisor.json'))
    return (JSON.parse(readFileSync(record, 'utf8')) as { pid: number }).pid
  }
  return { share: join(home, 'seneschal-run/clouds/share'), call, supervisor }
}

const stateOf = async (client: JobsClient) => (await client.poll([job])).jobs[0]?.state.state

test('the daemon finds its running job behind a supervisor that hung', async (t) => {
  const { share, call, supervisor } = await newHost(t)
  const first = call()
  await first.submit({ job, attempt: 1, runner: 'background', script, environment: {}, path: [] })
  await until(async () => (await stateOf(first)) === 'running')
  const hung = supervisor()
  process.kill(hung, 'SIGSTOP')
  first.close()

  const second = call()
  assert.equal(await stateOf(second), 'running')
  assert.notEqual(supervisor(), hung)
  assert.equal(runs(hung), false)
  await writeFile(join(share, 'over'), '')
  await until(async () => (await stateOf(second)) === 'succeeded')
  assert.equal(readFileSync(join(share, 'begun'), 'utf8'), 'begun\n')
})
