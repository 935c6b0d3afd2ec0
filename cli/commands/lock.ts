/** `seneschal lock`: administrators, through the hub; `seneschal daemon lock`: whoever runs the daemon, when no hub is up. */
import { locksBody } from '../../protocol/api.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { type Lock, type LockTarget, lock, lockTarget, nameOfLock } from '../../protocol/locks.ts'
import { type Command, type Input, mustHaveWords, text } from '../command.ts'
import { hubClient, hubOption, section } from '../hub/options.ts'
import { configOption, readConfig } from './daemon.ts'

const path = '/api/admin/locks'
const say = (line: string): void => void process.stdout.write(`${line}\n`)

const targetOf = (input: Input): LockTarget => {
  const [kind, name] = input.words
  const parsed = lockTarget.safeParse({ kind, name })
  if (parsed.success) return parsed.data
  throw new SeneschalError('usage', 'Lock person NAME, account NAME or host NAME.')
}

/** Minutes from now; null for as long as nobody lifts it. */
const minutesOf = async (input: Input): Promise<number | undefined> => {
  const given = text(input, 'for')
  if (given === undefined) return undefined
  const { duration, milliseconds } = await import('../../config/schemas.ts')
  const parsed = duration.safeParse(given)
  if (!parsed.success) throw new SeneschalError('usage', parsed.error.issues[0]?.message ?? 'no duration')
  return Math.max(1, Math.ceil(milliseconds(parsed.data) / 60_000))
}

const lineOf = ({ id, reason, by, until, ...on }: Lock): string =>
  [
    id,
    nameOfLock(on),
    until === null ? 'until lifted' : `until ${new Date(until).toISOString()}`,
    by === null ? 'by whoever runs the daemon' : `by ${by}`,
    reason,
  ].join('  ')

const options = {
  reason: { type: 'string', value: 'TEXT', help: 'why; it stands in the audit log' },
  for: { type: 'string', value: 'DURATION', help: 'it ends by itself after that: for example PT2H' },
} as const

const reasonOf = (input: Input): string => {
  const reason = text(input, 'reason')?.trim()
  if (reason === undefined || reason === '') throw new SeneschalError('usage', 'Say why: --reason TEXT.')
  return reason
}

const lockAddCommand: Command = {
  name: 'lock add',
  section,
  summary: 'Shut a person, an account or a host out at once: sockets, actions, queued requests, shells.',
  usage: 'person NAME|account NAME|host NAME --reason TEXT [--for DURATION]',
  help: `For administrators, with privileges raised to write. Prints the lock's id. What runs goes on: to start nothing
    new either, announce maintenance.`,
  options: {
    ...options,
    sure: { type: 'boolean', help: 'also yourself, or the only administrator' },
    ...hubOption,
  },
  run: async (input) => {
    mustHaveWords(lockAddCommand, input, 2, 2)
    const minutes = await minutesOf(input)
    const { body } = await hubClient(input).change(
      'POST',
      path,
      {
        on: targetOf(input),
        reason: reasonOf(input),
        ...(minutes === undefined ? {} : { minutes }),
        ...(input.values.sure === true ? { sure: true } : {}),
      },
      lock,
    )
    if (body === undefined) throw new SeneschalError('lost.connection')
    say(body.id)
    return 0
  },
}

const lockRemoveCommand: Command = {
  name: 'lock remove',
  section,
  summary: 'Lift a lock.',
  usage: 'ID',
  options: hubOption,
  run: async (input) => {
    mustHaveWords(lockRemoveCommand, input, 1, 1)
    await hubClient(input).change('DELETE', `${path}/${encodeURIComponent(input.words[0] ?? '')}`, undefined)
    return 0
  },
}

const lockListCommand: Command = {
  name: 'lock list',
  section,
  summary: 'What is locked, by whom and until when, and which daemons know of it.',
  usage: '[--json] [--hub URL]',
  options: { json: { type: 'boolean', help: 'print it as JSON' }, ...hubOption },
  run: async (input) => {
    mustHaveWords(lockListCommand, input, 0, 0)
    const body = await hubClient(input).get(path, locksBody)
    if (input.values.json === true) {
      say(JSON.stringify(body))
      return 0
    }
    for (const one of body.locks) say(lineOf(one))
    const { persons, accounts, hosts } = body.elsewhere
    for (const [kind, names] of [
      ['person', persons],
      ['account', accounts],
      ['host', hosts],
    ] as const)
      for (const name of names) say(`-  ${kind} ${name}  in a site file, or by whoever runs a daemon`)
    for (const { daemon, current } of body.daemons)
      if (!current) process.stderr.write(`Daemon ${daemon} does not know of all of these yet.\n`)
    return 0
  },
}

const daemonSection = 'Running seneschald'
const own = async (input: Input): Promise<string> => {
  const { mustOwnState } = await import('../site-state.ts')
  return await mustOwnState((await readConfig(input)).root)
}

const daemonLockCommand: Command = {
  name: 'daemon lock',
  section: daemonSection,
  summary: 'Lock a person, an account or a host from the daemon’s host, for when no hub is up.',
  usage: 'person NAME|account NAME|host NAME --reason TEXT [--for DURATION] | --list',
  help: `As the service account. It counts within a second for queued requests and shells, and for hubs as soon as they read
    it. Prints its id.`,
  options: {
    ...options,
    list: { type: 'boolean', help: 'list those that were set here' },
    ...configOption,
  },
  run: async (input) => {
    const { addLock, readControl } = await import('../../daemon/control/files.ts')
    const state = await own(input)
    if (input.values.list === true) {
      mustHaveWords(daemonLockCommand, input, 0, 0)
      for (const one of (await readControl(state)).locks) say(lineOf(one))
      return 0
    }
    mustHaveWords(daemonLockCommand, input, 2, 2)
    const { randomBytes } = await import('node:crypto')
    const minutes = await minutesOf(input)
    const now = Date.now()
    const made = lock.parse({
      ...targetOf(input),
      id: randomBytes(8).toString('hex'),
      reason: reasonOf(input).slice(0, 500),
      by: null,
      at: now,
      until: minutes === undefined ? null : now + minutes * 60_000,
    })
    await addLock(state, made)
    say(made.id)
    return 0
  },
}

const daemonUnlockCommand: Command = {
  name: 'daemon unlock',
  section: daemonSection,
  summary: 'Lift a lock that was set on the daemon’s host.',
  usage: 'ID',
  options: configOption,
  run: async (input) => {
    mustHaveWords(daemonUnlockCommand, input, 1, 1)
    const { readControl, removeLock } = await import('../../daemon/control/files.ts')
    const state = await own(input)
    const id = input.words[0] ?? ''
    if (!(await readControl(state)).locks.some((one) => one.id === id))
      throw new SeneschalError('lock.unknown')
    await removeLock(state, id)
    return 0
  },
}

export const lockCommands: readonly Command[] = [lockAddCommand, lockRemoveCommand, lockListCommand]
export const daemonLockCommands: readonly Command[] = [daemonLockCommand, daemonUnlockCommand]
