/** A real supervisor with real processes; only the daemon is played by the test. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { createConnection, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLineSplitter } from '../../durable/line-splitter.ts'
import {
  type JobEventFile,
  type JobName,
  type JobState,
  type JobSubmission,
  type JobsAnswer,
  jobEventFile,
  jobsAnswer,
  jobsGreeting,
} from '../../protocol/jobs.ts'
import { jobDirectory } from '../../runners/paths.ts'
import { bootId, factsOf, membersOf } from '../../runners/processes.ts'
import { runSupervisor } from '../../runners/supervisor.ts'

type Ask = (request: Record<string, unknown>) => Promise<JobsAnswer>
type Site = {
  readonly root: string
  readonly events: string
  readonly ask: Ask
  readonly restart: () => Promise<Site>
  readonly stop: () => Promise<void>
}

const connect = async (socket: string): Promise<Ask> => {
  const waiting = new Map<unknown, (answer: JobsAnswer) => void>()
  const greeted = Promise.withResolvers<void>()
  const connection: Socket = createConnection(socket)
  let first = true
  const take = createLineSplitter(1024 * 1024, (line) => {
    if (first) {
      jobsGreeting.parse(JSON.parse(line))
      first = false
      greeted.resolve()
      return
    }
    const answer = jobsAnswer.parse(JSON.parse(line))
    waiting.get(answer.id)?.(answer)
  })
  connection.on('data', (chunk: Buffer) => take(chunk))
  connection.on('error', (error) => greeted.reject(error))
  await greeted.promise
  let next = 0
  return (request) => {
    const id = ++next
    const answer = new Promise<JobsAnswer>((resolve) => waiting.set(id, resolve))
    connection.write(`${JSON.stringify({ epoch: 1, ...request, id })}\n`)
    return answer
  }
}

const startIn = async (base: string, run: number): Promise<Site> => {
  const root = join(base, 'run')
  const events = join(base, 'events')
  const socket = join(base, `s${run}.sock`)
  const stdout = new PassThrough()
  const settings = { version: 1, account: 'atmosphere_stage', jobRoot: root, jobEvents: events, socket }
  const end = new AbortController()
  const done = runSupervisor(
    {
      stdin: Readable.from([JSON.stringify(settings)]),
      stdout,
      env: { PATH: process.env.PATH, HOME: base, SECRET: 'not for jobs' },
      copier: [process.execPath, join(import.meta.dirname, '../../cli/far.ts'), 'copier'],
      graceMs: 1000,
    },
    end.signal,
  )
  const stop = async () => {
    end.abort()
    await done
  }
  const ready = await Promise.race([
    new Promise<string>((resolve) => stdout.once('data', (line) => resolve(String(line)))),
    done.then(() => 'ended'),
  ])
  assert.equal(ready, '{"ready":true}\n')
  return {
    root,
    events,
    ask: await connect(socket),
    stop,
    restart: async () => {
      await stop()
      return startIn(base, run + 1)
    },
  }
}

const supervisor = async (t: TestContext): Promise<Site> => {
  const base = await mkdtemp(join(tmpdir(), 'seneschal-supervisor-'))
  await mkdir(join(base, 'events'))
  const site = await startIn(base, 1)
  t.after(async () => {
    await site.stop()
    // A wrapper may be writing its last lines.
    await rm(base, { recursive: true, force: true, maxRetries: 10 })
  })
  return site
}

const climb: JobName = { workflow: 'clouds', cycle: '1', task: 'climb', submit: 1 }
const submission = (script: string, more: Partial<JobSubmission> = {}): JobSubmission => ({
  job: climb,
  attempt: 1,
  runner: 'background',
  script,
  environment: {},
  path: [],
  ...more,
})

const stateOf = async (site: Site, job: JobName = climb): Promise<JobState> => {
  const answer = await site.ask({ op: 'poll', jobs: [job] })
  assert.ok(answer.ok && answer.op === 'poll')
  const state = answer.jobs[0]?.state
  assert.ok(state !== undefined)
  return state
}

const until = async (site: Site, wanted: JobState['state'], job: JobName = climb): Promise<JobState> => {
  const deadline = Date.now() + 10_000
  for (;;) {
    const state = await stateOf(site, job)
    if (state.state === wanted) return state
    assert.ok(Date.now() < deadline, `still ${JSON.stringify(state)}, not ${wanted}`)
    await sleep(20)
  }
}

const eventsOf = async (site: Site) => {
  const names = (await readdir(site.events)).filter((name) => !name.startsWith('.')).sort()
  return Promise.all(
    names.map(async (name) =>
      jobEventFile.parse(JSON.parse(await readFile(join(site.events, name), 'utf8'))),
    ),
  )
}

/** Files in the job's directory come first, events after them. */
const eventsWith = async (site: Site, wanted: JobEventFile['event']) => {
  const deadline = Date.now() + 5000
  for (;;) {
    const events = await eventsOf(site)
    if (events.some((event) => event.event === wanted)) return events
    assert.ok(Date.now() < deadline, `no event ${wanted}`)
    await sleep(20)
  }
}

const log = (site: Site, name: string) => readFile(join(jobDirectory(site.root, climb), name), 'utf8')

test('a job runs with the documented environment and nothing of the supervisor besides', async (t) => {
  const site = await supervisor(t)
  const script = 'env | sort\npwd\nseneschal-message "half way: \\"50 %\\" ü"\necho oops >&2'
  const answer = await site.ask({
    op: 'submit',
    submission: submission(script, { environment: { COLOUR: "it's blue" }, path: ['/opt/clouds/bin'] }),
  })
  assert.ok(answer.ok && answer.op === 'submit')
  assert.equal(answer.logs, jobDirectory(site.root, climb))
  const state = await until(site, 'succeeded')
  assert.ok(state.state === 'succeeded' && state.exit === 0 && state.startedAt !== null)

  const out = await log(site, 'job.out')
  assert.match(out, /^SENESCHAL_JOB=clouds\/\/1\/climb\/01$/m)
  assert.match(out, /^SENESCHAL_ACCOUNT=atmosphere_stage$/m)
  assert.match(out, /^COLOUR=it's blue$/m)
  assert.match(out, /^PATH=\/opt\/clouds\/bin:.+\.seneschal\/[0-9a-f]{16}:/m)
  assert.ok(out.trimEnd().endsWith(join(site.root, 'clouds/work/1/climb')))
  assert.doesNotMatch(out, /SECRET/)
  assert.equal(await log(site, 'job.err'), 'oops\n')
  assert.equal(await readlink(join(site.root, 'clouds/log/job/1/climb/NN')), '01')

  const events = await eventsWith(site, 'succeeded')
  assert.deepEqual(events.map((event) => event.event).sort(), ['message', 'started', 'succeeded'])
  assert.equal(events.find((event) => event.event === 'message')?.text, 'half way: "50 %" ü')
})

test('a job that fails reports its exit code', async (t) => {
  const site = await supervisor(t)
  await site.ask({ op: 'submit', submission: submission('#!/bin/sh\nexit 3') })
  const state = await until(site, 'failed')
  assert.ok(state.state === 'failed' && state.exit === 3)
  const failed = (await eventsWith(site, 'failed')).find((event) => event.event === 'failed')
  assert.equal(failed?.exit, 3)
})

test('a submission repeated before, during and after the job runs it once', async (t) => {
  const site = await supervisor(t)
  const once = submission('echo ran >>"$SENESCHAL_SHARE_DIR/count"\nsleep 0.3')
  await Promise.all([1, 2, 3, 4].map(() => site.ask({ op: 'submit', submission: once })))
  await until(site, 'running')
  await site.ask({ op: 'submit', submission: once })
  await until(site, 'succeeded')
  const again = await site.ask({ op: 'submit', submission: once })
  assert.ok(again.ok && again.op === 'submit' && again.state.state === 'succeeded')
  assert.equal(await readFile(join(site.root, 'clouds/share/count'), 'utf8'), 'ran\n')
})

test('two wrappers started for one job run it once', async (t) => {
  const site = await supervisor(t)
  await site.ask({ op: 'submit', submission: submission('echo ran >>"$SENESCHAL_SHARE_DIR/count"; sleep 1') })
  await until(site, 'running')
  const directory = jobDirectory(site.root, climb)
  const [digest] = await readdir(join(site.root, '.seneschal'))
  const wrapper = join(site.root, '.seneschal', digest ?? '', 'seneschal-wrapper')
  const second = spawnSync('/bin/sh', [wrapper, directory, site.events, '0', '1'], { env: { PATH: '/bin' } })
  assert.equal(second.status, 0)
  await until(site, 'succeeded')
  assert.equal(await readFile(join(site.root, 'clouds/share/count'), 'utf8'), 'ran\n')
})

test('a killed job ends with its children, those that left its session included', async (t) => {
  const site = await supervisor(t)
  const script =
    'setsid sh -c "trap : TERM; echo deaf; while :; do sleep 0.1 || :; done" &\ntrap : TERM\necho deaf\nwhile :; do sleep 0.1 || :; done'
  await site.ask({ op: 'submit', submission: submission(script) })
  // Both have begun, and neither hears SIGTERM.
  while ((await log(site, 'job.out').catch(() => '')).split('deaf').length < 3) await sleep(20)
  await site.ask({ op: 'kill', job: climb })
  const state = await until(site, 'failed')
  assert.ok(state.state === 'failed' && state.exit === 137, JSON.stringify(state))
  assert.deepEqual(await membersOf(undefined, `SENESCHAL_LOG_DIR=${jobDirectory(site.root, climb)}`, ''), [])
})

test('a job that ends on TERM says so', async (t) => {
  const site = await supervisor(t)
  await site.ask({ op: 'submit', submission: submission('echo up; sleep 60') })
  await until(site, 'running')
  while ((await log(site, 'job.out').catch(() => '')) === '') await sleep(20)
  await site.ask({ op: 'kill', job: climb })
  const state = await until(site, 'failed')
  assert.ok(state.state === 'failed' && state.exit === 143 && state.note === 'ended by SIGTERM')
})

test('a job killed before it began never begins', async (t) => {
  const site = await supervisor(t)
  const answers = Promise.all([
    site.ask({ op: 'submit', submission: submission('echo ran >>"$SENESCHAL_SHARE_DIR/count"; sleep 2') }),
    site.ask({ op: 'kill', job: climb }),
  ])
  assert.ok((await answers).every((answer) => answer.ok))
  const state = await until(site, 'failed')
  assert.ok(state.state === 'failed')
  await sleep(300)
  assert.equal((await stateOf(site)).state, 'failed')
})

test('a time limit ends the job, and one that ignores TERM too', async (t) => {
  const site = await supervisor(t)
  const script = 'trap : TERM\nwhile :; do sleep 0.1 || :; done'
  await site.ask({ op: 'submit', submission: submission(script, { timeLimitMs: 1000 }) })
  const state = await until(site, 'failed')
  assert.ok(state.state === 'failed' && state.exit === 137)
  assert.equal(state.note, 'time limit of 1 s, killed')
})

test('a time limit ends also what left the job’s session', async (t) => {
  const site = await supervisor(t)
  const script = 'setsid sh -c "trap : TERM; while :; do sleep 1; done" & sleep 60'
  await site.ask({ op: 'submit', submission: submission(script, { timeLimitMs: 1000 }) })
  await until(site, 'failed')
  const marker = `SENESCHAL_LOG_DIR=${jobDirectory(site.root, climb)}`
  for (const deadline = Date.now() + 10_000; (await membersOf(undefined, marker, '')).length > 0; ) {
    assert.ok(Date.now() < deadline, 'something of it goes on')
    await sleep(50)
  }
})

test('a job outlives its supervisor and is found again by the next one', async (t) => {
  const first = await supervisor(t)
  await first.ask({ op: 'submit', submission: submission('sleep 1; echo done') })
  await until(first, 'running')
  const second = await first.restart()
  t.after(second.stop)
  assert.equal((await stateOf(second)).state, 'running')
  await second.ask({ op: 'submit', submission: submission('sleep 1; echo done') })
  await until(second, 'succeeded')
  assert.equal(await log(second, 'job.out'), 'done\n')
})

test('whoever has a job’s process id after it is neither taken for it nor killed', async (t) => {
  const site = await supervisor(t)
  await site.ask({ op: 'submit', submission: submission('exit 0') })
  await until(site, 'succeeded')
  const directory = jobDirectory(site.root, climb)
  // As if the job had died silently and its number had gone to this very process.
  await rm(join(directory, '.ended'))
  const facts = await factsOf(process.pid)
  assert.ok(facts !== undefined)
  const wrongStart = String(Number(facts.start) - 1)
  await writeFile(join(directory, '.pid'), `${process.pid} ${wrongStart} ${await bootId()}\n`)
  assert.equal((await stateOf(site)).state, 'lost')
  await site.ask({ op: 'kill', job: climb })
  await sleep(1500)
  assert.equal((await stateOf(site)).state, 'lost')
})

test('a wrapper killed outright is reported by the supervisor, and its job does not go on', async (t) => {
  const site = await supervisor(t)
  await site.ask({ op: 'submit', submission: submission('sleep 60') })
  await until(site, 'running')
  const pid = Number((await log(site, '.pid')).split(' ')[0])
  process.kill(pid, 'SIGKILL')
  await until(site, 'lost')
  await eventsWith(site, 'failed')
  assert.deepEqual(await membersOf(undefined, `SENESCHAL_LOG_DIR=${jobDirectory(site.root, climb)}`, ''), [])
})

test('an unknown runner and a job root that is a file are refused with a reason', async (t) => {
  const site = await supervisor(t)
  const strange = await site.ask({ op: 'submit', submission: submission('true', { runner: 'strange' }) })
  assert.ok(
    !strange.ok && strange.code === 'job.submit-failed' && strange.detail === 'There is no runner strange.',
  )
  await writeFile(join(site.root, 'winds'), '')
  const blocked = await site.ask({
    op: 'submit',
    submission: submission('true', { job: { ...climb, workflow: 'winds' } }),
  })
  assert.ok(!blocked.ok && blocked.code === 'job.submit-failed' && blocked.detail?.startsWith('ENOTDIR'))
})

test('a request that does not fit is refused by itself; its line goes on', async (t) => {
  const site = await supervisor(t)
  const running = site.ask({ op: 'submit', submission: submission('sleep 1') })
  const refused = await site.ask({ op: 'submit', submission: submission('true', { timeLimitMs: 0 }) })
  assert.ok(!refused.ok && refused.code === 'job.submit-failed' && refused.detail?.includes('timeLimitMs'))
  const strange = await site.ask({ op: 'dance' })
  assert.ok(!strange.ok && strange.code === 'input.invalid')
  assert.ok((await running).ok)
})

test('a job that cannot be looked at is named as such, and the others are told', async (t) => {
  const site = await supervisor(t)
  const winds: JobName = { ...climb, workflow: 'winds' }
  const waves: JobName = { ...climb, workflow: 'waves' }
  for (const job of [climb, winds, waves])
    await site.ask({ op: 'submit', submission: submission('exit 3', { job }) })
  await until(site, 'failed', winds)
  await until(site, 'failed', waves)
  const record = join(jobDirectory(site.root, winds), 'job.json')
  await writeFile(record, (await readFile(record, 'utf8')).replace('"background"', '"gone"'))
  const ended = join(jobDirectory(site.root, waves), '.ended')
  await rm(ended)
  await mkdir(ended)
  const answer = await site.ask({ op: 'poll', jobs: [winds, climb, waves] })
  assert.ok(answer.ok && answer.op === 'poll')
  assert.deepEqual(
    answer.jobs.map(({ job }) => job.workflow),
    ['clouds'],
  )
  const why = new Map(answer.unseen?.map((each) => [each.job.workflow, each.why]))
  assert.equal(why.get('winds'), 'There is no runner gone.')
  assert.match(why.get('waves') ?? '', /^EISDIR/)
})

test('a submission that comes after its kill never runs', async (t) => {
  const site = await supervisor(t)
  const killed = await site.ask({ op: 'kill', job: climb })
  assert.ok(killed.ok && killed.op === 'kill' && killed.state.state === 'failed')
  const late = await site.ask({ op: 'submit', submission: submission('touch "$SENESCHAL_RUN_DIR/ran"') })
  assert.ok(late.ok && late.op === 'submit' && late.state.state === 'failed')
  assert.deepEqual((await readdir(join(site.root, 'clouds'))).sort(), ['log', 'share', 'work'])
})

test('what a power cut left of a submission is written again before it runs', async (t) => {
  const site = await supervisor(t)
  const directory = jobDirectory(site.root, climb)
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, 'job'), '', { mode: 0o700 })
  await writeFile(join(directory, 'job.json'), '')
  const left = join(directory, '..', '.01.0123456789ab')
  await mkdir(left)
  await utimes(left, 1, 1)
  await site.ask({ op: 'submit', submission: submission('exit 7') })
  assert.equal((await until(site, 'failed')).state, 'failed')
  assert.match(await log(site, '.ended'), /^failed 7 /)
  const next = { ...climb, submit: 2 }
  await site.ask({ op: 'submit', submission: submission('true', { job: next }) })
  await until(site, 'succeeded', next)
  assert.deepEqual((await readdir(join(directory, '..'))).sort(), ['01', '02', 'NN'])
})

test('a job that spoils its own record is still seen, and killed', async (t) => {
  const site = await supervisor(t)
  const script = 'echo >"$SENESCHAL_LOG_DIR/job.json"; sleep 60'
  await site.ask({ op: 'submit', submission: submission(script) })
  await until(site, 'running')
  while ((await log(site, 'job.json')).length > 1) await sleep(20)
  assert.equal((await stateOf(site)).state, 'running')
  await site.ask({ op: 'kill', job: climb })
  await until(site, 'failed')
})

test('the socket is the account’s alone', async (t) => {
  const site = await supervisor(t)
  assert.equal((await stat(join(site.root, '..', 's1.sock'))).mode & 0o777, 0o600)
})

const before: JobName = { ...climb, incarnation: '0123456789abcdef' }
const after: JobName = { ...climb, incarnation: 'fedcba9876543210' }

test('a workflow that is installed again runs its jobs: those of the former one are kept, not believed', async (t) => {
  const site = await supervisor(t)
  await site.ask({ op: 'submit', submission: submission('echo before', { job: before }) })
  await until(site, 'succeeded', before)
  assert.equal((await eventsWith(site, 'succeeded'))[0]?.incarnation, before.incarnation)

  assert.equal((await stateOf(site, after)).state, 'unknown')
  await site.ask({ op: 'submit', submission: submission('echo after', { job: after }) })
  await until(site, 'succeeded', after)
  assert.equal(await log(site, 'job.out'), 'after\n')
  assert.equal((await stateOf(site, before)).state, 'unknown')

  const task = join(site.root, 'clouds/log/job/1/climb')
  const former = (await readdir(task)).filter((name) => name.startsWith('01.former-'))
  assert.equal(former.length, 1)
  assert.equal(await readFile(join(task, former[0] ?? '', 'job.out'), 'utf8'), 'before\n')
})

test('a job of a former workflow that still runs is not disturbed, and the new one says why it cannot begin', async (t) => {
  const site = await supervisor(t)
  const wait = 'until [ -e "$SENESCHAL_SHARE_DIR/go" ]; do sleep 0.05; done'
  await site.ask({ op: 'submit', submission: submission(wait, { job: before }) })
  await until(site, 'running', before)

  const refused = await site.ask({ op: 'submit', submission: submission('echo after', { job: after }) })
  assert.ok(!refused.ok && refused.code === 'job.submit-failed')
  assert.match(refused.detail ?? '', /former workflow of that name still runs here, process \d+/)
  const kill = await site.ask({ op: 'kill', job: after })
  assert.ok(!kill.ok)
  assert.equal((await stateOf(site, before)).state, 'running')

  await writeFile(join(site.root, 'clouds/share/go'), '')
  await until(site, 'succeeded', before)
  await site.ask({ op: 'submit', submission: submission('echo after', { job: after }) })
  await until(site, 'succeeded', after)
  assert.equal(await log(site, 'job.out'), 'after\n')
})

test('a job of a former workflow that was killed before it was submitted says nothing of the new one', async (t) => {
  const site = await supervisor(t)
  await site.ask({ op: 'kill', job: before })
  assert.equal((await stateOf(site, before)).state, 'failed')
  await site.ask({ op: 'submit', submission: submission('true', { job: after }) })
  await until(site, 'succeeded', after)
})

test('submissions of one task that come at once are not in each other’s way', async (t) => {
  const site = await supervisor(t)
  for (let round = 0; round < 10; round += 1) {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => {
        const job = { ...climb, cycle: String(round + 1), submit: index + 1 }
        return site.ask({ op: 'submit', submission: submission('exit 0', { job }) })
      }),
    )
    for (const answer of answers) assert.ok(answer.ok, JSON.stringify(answer))
  }
})
