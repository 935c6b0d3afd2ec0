/** `seneschal logs`: what a job wrote, through the hub, as oneself or with a script's token. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { jobsBody, logsBody } from '../../protocol/api.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { jobKey, parseId } from '../../protocol/ids.ts'
import type { JobRow } from '../../protocol/rows.ts'
import { type Command, mustHaveWords, text } from '../command.ts'
import { askServer, serverPath } from '../hub/account-server.ts'
import type { HubClient } from '../hub/client.ts'
import { forTerminal } from '../hub/log-text.ts'
import { readingClient, readingOptions, section } from '../hub/options.ts'

type Job = {
  readonly account: string
  readonly workflow: string
  readonly cycle: string
  readonly task: string
  readonly submit: number
}

const usage = "'~ACCOUNT/WORKFLOW//CYCLE/TASK[/NN]' [FILE] [--follow] [--tail BYTES]"
const pollMs = 1000

/** The task instance, and which of its jobs, where that is said. */
const wantedIn = (word: string) => {
  const [, id = '', submit] = /^(.*\/\/[^/]+\/[^/]+?)(?:\/([0-9]{2}|[1-9][0-9]{2,5}))?$/.exec(word) ?? []
  const { account, workflow, cycle, task } = parseId(id.startsWith('~') ? id : `~${id}`) ?? {}
  if (account === undefined || workflow === undefined || cycle === undefined || task === undefined)
    throw new SeneschalError(
      'usage',
      `${JSON.stringify(word)} is no job: ~ACCOUNT/WORKFLOW//CYCLE/TASK or …/TASK/NN.`,
    )
  return { account, workflow, cycle, task, submit: submit === undefined ? undefined : Number(submit) }
}

const jobsOf = async (
  client: HubClient,
  { account, workflow, cycle, task }: Omit<Job, 'submit'>,
): Promise<readonly JobRow[]> => {
  const path = serverPath(account, 'jobs', { workflow, cycle, task })
  return (await askServer(client, account, () => client.get(path, jobsBody))).jobs
}

/** The one that was named, else the latest. Throws `instance.unknown`. */
const findJob = async (client: HubClient, word: string): Promise<Job> => {
  const { submit, ...instance } = wantedIn(word)
  const jobs = await jobsOf(client, instance)
  const found = submit === undefined ? jobs[0] : jobs.find((row) => row.submit === submit)
  if (found === undefined)
    throw new SeneschalError(
      'instance.unknown',
      submit === undefined ? 'It has no job yet.' : `It has no job ${submit}.`,
    )
  return { ...instance, submit: found.submit }
}

const ended: ReadonlySet<JobRow['state']> = new Set([
  'succeeded',
  'failed',
  'submit-failed',
  'killed',
  'lost',
])
const isOver = async (client: HubClient, job: Job): Promise<boolean> => {
  const row = (await jobsOf(client, job)).find(({ submit }) => submit === job.submit)
  return row === undefined || ended.has(row.state)
}

const logPath = (
  job: Job,
  file: string | undefined,
  query: Readonly<Record<string, string | undefined>> = {},
) => {
  const key = encodeURIComponent(jobKey(job.workflow, job.cycle, job.task, job.submit))
  return serverPath(
    job.account,
    `jobs/${key}/logs${file === undefined ? '' : `/${encodeURIComponent(file)}`}`,
    query,
  )
}

/** To a terminal as text that steers nothing, else the bytes as they are. */
const createOutput = () => {
  const decoder = new TextDecoder()
  return async (chunk: Uint8Array): Promise<void> => {
    const shown = process.stdout.isTTY ? forTerminal(decoder.decode(chunk, { stream: true })) : chunk
    if (!process.stdout.write(shown)) await once(process.stdout, 'drain')
  }
}

/** Where an answer begins within its file. */
const startOf = (response: Response): number =>
  Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1] ?? 0)

const print = async (
  client: HubClient,
  job: Job,
  file: string,
  { follows, tail }: { readonly follows: boolean; readonly tail: string | undefined },
): Promise<void> => {
  const output = createOutput()
  let offset: number | undefined
  /** Whether it came whole. */
  const take = async (response: Response): Promise<boolean> => {
    offset ??= startOf(response)
    try {
      for await (const chunk of response.body ?? []) {
        await output(chunk)
        offset += chunk.byteLength
      }
      return true
    } catch (cause) {
      // Broken off on the way. What comes next goes on at the byte where this ended.
      if (!follows)
        throw new SeneschalError('lost.connection', `${client.hub} broke the answer off.`, { cause })
      return false
    }
  }
  const isNotYet = (thrown: unknown): boolean =>
    follows && thrown instanceof SeneschalError && thrown.code === 'file.unknown'
  for (;;) {
    // Asked before the bytes: what a job writes last is there when it is over.
    const over = !follows || (await isOver(client, job))
    const query = offset === undefined ? { tail } : { follow: '1', offset: String(offset) }
    try {
      const isWhole = await take(await client.open(logPath(job, file, query)))
      if (over && isWhole) return
    } catch (thrown) {
      if (!isNotYet(thrown) || over) throw thrown
    }
    await sleep(pollMs)
  }
}

export const logsCommand: Command = {
  name: 'logs',
  section,
  summary: 'Print what a job wrote; without a number, the latest job of the task.',
  usage,
  help: `FILE is job.out (the default), job.err, job-activity.log or job; --list says which there are. The account's
    server is started where it rests, which a token cannot do. To a terminal, control characters other than colours
    are shown and not obeyed; into a pipe or a file the bytes go as they are. Opening a log is recorded.`,
  options: {
    follow: { type: 'boolean', short: 'f', help: 'go on as the file grows, until the job ends' },
    tail: { type: 'string', short: 'n', value: 'BYTES', help: 'the last so many bytes alone' },
    list: { type: 'boolean', short: 'l', help: 'which files there are, with their sizes' },
    json: { type: 'boolean', help: 'with --list: a JSON object a line' },
    ...readingOptions,
  },
  run: async (input) => {
    mustHaveWords(logsCommand, input, 1, 2)
    const [word = '', file = 'job.out'] = input.words
    const tail = text(input, 'tail')
    if (tail !== undefined && !/^[1-9][0-9]{0,11}$/.test(tail))
      throw new SeneschalError('usage', `${JSON.stringify(tail)} is not a number of bytes.`)
    const client = readingClient(input)
    const job = await findJob(client, word)
    if (input.values.list !== true) {
      await print(client, job, file, { follows: input.values.follow === true, tail })
      return 0
    }
    for (const one of (await client.get(logPath(job, undefined), logsBody)).files)
      process.stdout.write(
        `${input.values.json === true ? JSON.stringify(one) : `${String(one.size).padStart(12)}  ${new Date(one.at).toISOString()}  ${one.file}`}\n`,
      )
    return 0
  },
}
