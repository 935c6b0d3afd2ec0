/** How an account, a workflow, a task or a request is, as the hub tells it to whoever may know. */
import { setTimeout as sleep } from 'node:timers/promises'
import { accountBody, jobsBody, requestBody } from '../../protocol/api.ts'
import { errorTable, isErrorCode, SeneschalError } from '../../protocol/errors.ts'
import { parseId, type Target } from '../../protocol/ids.ts'
import type { SummaryRow } from '../../protocol/rows.ts'
import { askServer, serverPath } from './account-server.ts'
import type { HubClient } from './client.ts'
import { clock, jobLine, summaryLines } from './lines.ts'

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const pollMs = 500

/** The id of something that is shown; undefined for what looks like none. */
export const targetIn = (word: string): Target | undefined =>
  parseId(word.startsWith('~') ? word : `~${word}`)

const sayWorkflow = (row: SummaryRow): void => {
  say(summaryLines([row])[0] ?? '')
  if (row.stall !== null) say(`  stalled: ${row.stall}`)
  if (row.problem !== null) say(`  not taken up: ${row.problem}`)
  if (row.cycles !== null) say(`  cycles ${row.cycles.first} to ${row.cycles.last}`)
  for (const { cycle, task, state, late } of row.attention)
    say(`  ${cycle}/${task}  ${state}${late ? ', late' : ''}`)
  say(`  as of ${clock(row.at)}`)
}

const showAccount = async (
  client: HubClient,
  { account, workflow }: Target,
  json: boolean,
): Promise<void> => {
  const body = await client.get(`/api/accounts/${account}`, accountBody)
  const rows = body.workflows.map(({ summary }) => summary)
  const chosen = workflow === undefined ? rows : rows.filter((row) => row.workflow === workflow)
  if (workflow !== undefined && chosen.length === 0) throw new SeneschalError('workflow.unknown')
  if (json) for (const row of chosen) say(JSON.stringify(row))
  else if (workflow !== undefined) for (const row of chosen) sayWorkflow(row)
  else {
    for (const line of summaryLines(chosen)) say(line)
    say(`server ${body.server.state}${body.server.host === null ? '' : ` on ${body.server.host}`}`)
    for (const { scope, name, reason } of body.account.rests ?? [])
      say(['nothing new starts', scope, name ?? '', reason ?? ''].filter(Boolean).join('  '))
  }
}

const jobsAtOnce = '100'
const showJobs = async (
  client: HubClient,
  { account, workflow, cycle, task }: Target,
  json: boolean,
): Promise<void> => {
  const path = serverPath(account, 'jobs', { workflow, cycle, task, limit: jobsAtOnce })
  const { jobs, cursor } = await askServer(client, account, () => client.get(path, jobsBody))
  if (jobs.length === 0 && !json) process.stderr.write('There is no job of it.\n')
  for (const row of jobs) say(json ? JSON.stringify(row) : jobLine(row))
  if (cursor !== null) process.stderr.write(`These are the latest ${jobsAtOnce}; the pages have the rest.\n`)
}

/** The exit code says whether it is there, not whether it goes well. */
export const showTarget = async (client: HubClient, target: Target, json: boolean): Promise<number> => {
  if (target.cycle === undefined) await showAccount(client, target, json)
  else await showJobs(client, target, json)
  return 0
}

/** Exit 0 for done, 1 for refused and the like; while it waits, 0 unless it is followed. */
export const showRequest = async (
  client: HubClient,
  id: string,
  { json, follows }: { readonly json: boolean; readonly follows: boolean },
): Promise<number> => {
  for (;;) {
    const found = await client.get(`/api/requests/${id}`, requestBody)
    const { state, code, reason } = found
    if (state !== 'waiting' || !follows) {
      const why = [code, reason].filter((part) => part !== undefined)
      say(json ? JSON.stringify({ id, ...found }) : [id, state, ...why].join('  '))
      if (!json && reason === undefined && isErrorCode(code)) say(`  ${errorTable[code].text}`)
      return state === 'done' || state === 'waiting' ? 0 : 1
    }
    await sleep(pollMs)
  }
}
