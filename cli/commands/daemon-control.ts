/** `seneschal daemon stop | drain | resume | status | takeover | maintenance`: for those who run seneschald. */
import { SeneschalError } from '../../protocol/errors.ts'
import { type Command, type Input, mustHaveWords, text } from '../command.ts'
import { configOption, readConfig } from './daemon.ts'

const section = 'Running seneschald'
const asTheDaemon = 'Run it as the service account: the files that it reads and writes are its own.'

const open = async (input: Input) => {
  const { mustOwnState, holderOf, whenHeard } = await import('../site-state.ts')
  const config = await readConfig(input)
  const state = await mustOwnState(config.root)
  return { config, state, holder: () => holderOf(state), whenHeard }
}
const say = (line: string): void => void process.stdout.write(`${line}\n`)

const daemonStopCommand: Command = {
  name: 'daemon stop',
  summary: 'End the seneschald of this host, and wait until it has ended. Jobs go on.',
  usage: '[--config FILE]',
  help: asTheDaemon,
  section,
  options: configOption,
  run: async (input) => {
    mustHaveWords(daemonStopCommand, input, 0, 0)
    const { holder } = await open(input)
    const { stopHolder } = await import('../../daemon/lease/stop.ts')
    const found = await holder()
    const { lease, presence } = found
    if (lease === undefined || presence === 'nobody') say('It does not run.')
    else if (presence !== 'here')
      throw new SeneschalError(
        'lease.held',
        `It runs on ${lease.host} as process ${lease.pid}: stop it there.`,
      )
    else if (await stopHolder(lease)) say(`Process ${lease.pid} has ended.`)
    else {
      say(
        `Process ${lease.pid} did not end within 10 s. Once it may be killed: seneschal daemon takeover --now.`,
      )
      return 1
    }
    return 0
  },
}

const daemonDrainCommand: Command = {
  name: 'daemon drain',
  summary: 'Start nothing new; what runs ends by itself.',
  usage: '[--config FILE]',
  help: `Requests are still taken and answered, kills are carried out. It lasts until resume or the next start, which
    keepDrained: true in the configuration excepts. ${asTheDaemon}`,
  section,
  options: configOption,
  run: async (input) => {
    mustHaveWords(daemonDrainCommand, input, 0, 0)
    const { state, config, holder, whenHeard } = await open(input)
    const found = await holder()
    const { askForDrain } = await import('../../daemon/control/files.ts')
    if (found.presence === 'nobody' && !config.keepDrained)
      throw new SeneschalError(
        'usage',
        'No seneschald runs, and the next start ends a drain (keepDrained is false).',
      )
    await askForDrain(state)
    say(`Nothing new is to start. ${whenHeard(found)}`)
    return 0
  },
}

const daemonResumeCommand: Command = {
  name: 'daemon resume',
  summary: 'End a drain.',
  usage: '[--config FILE]',
  help: asTheDaemon,
  section,
  options: configOption,
  run: async (input) => {
    mustHaveWords(daemonResumeCommand, input, 0, 0)
    const { state, holder, whenHeard } = await open(input)
    const { askForResume } = await import('../../daemon/control/files.ts')
    await askForResume(state)
    say(`Things may start. ${whenHeard(await holder())}`)
    return 0
  },
}

const daemonStatusCommand: Command = {
  name: 'daemon status',
  summary: 'How seneschald is: state, epoch, queues, accounts, drain, maintenance. Works while it is down.',
  usage: '[--config FILE] [--json]',
  help: `Ends with 0 where it runs and all is well, 1 where something is wrong, 3 where it does not run. ${asTheDaemon}`,
  section,
  options: { ...configOption, json: { type: 'boolean', help: 'one JSON object' } },
  run: async (input) => {
    mustHaveWords(daemonStatusCommand, input, 0, 0)
    const { config, state, holder } = await open(input)
    const { readStatus, statusLines } = await import('../daemon-status.ts')
    const status = await readStatus({ config, state, holder: await holder(), now: Date.now() })
    if (input.values.json === true) say(JSON.stringify(status))
    else for (const line of statusLines(status)) say(line)
    if (!status.runs) return 3
    return status.report?.problem === null ? 0 : 1
  },
}

const daemonTakeoverCommand: Command = {
  name: 'daemon takeover',
  summary: 'Take the state from a host that is down for good, so that seneschald can start here.',
  usage: '[--now] [--config FILE]',
  help: `Raises the epoch: whatever the old one still wants to write or submit is refused, by itself, by the lease and by
    the accounts’ supervisors. Refused while the old one is heard of, unless --now says that it hangs. ${asTheDaemon}`,
  section,
  options: {
    ...configOption,
    now: { type: 'boolean', help: 'also from one that was heard of within a minute' },
  },
  run: async (input) => {
    mustHaveWords(daemonTakeoverCommand, input, 0, 0)
    const { state, holder } = await open(input)
    const { lease, presence } = await holder()
    const lives = presence === 'here' || presence === 'elsewhere'
    if (lease !== undefined && lives && input.values.now !== true)
      throw new SeneschalError(
        'lease.held',
        `seneschald lives on ${lease.host} as process ${lease.pid}: stop it, or say --now if it hangs.`,
      )
    const { raiseEpoch } = await import('../../daemon/lease/lease.ts')
    const { hostname } = await import('node:os')
    const raised = await raiseEpoch(state, { host: hostname(), now: Date.now() })
    say(`Epoch ${raised.epoch}. Whoever had it before is fenced; start seneschald here.`)
    return 0
  },
}

const timeOf = async (given: string, option: string): Promise<number> => {
  const { parseTime } = await import('../../daemon/control/config.ts')
  const at = parseTime(given)
  if (at !== undefined) return at
  throw new SeneschalError(
    'usage',
    `${option} ${JSON.stringify(given)} is no time such as 2026-12-01T06:00:00Z.`,
  )
}

/** `--until`, or `--for` after the beginning. */
const endOf = async (input: Input, from: number): Promise<number> => {
  const [until, length] = [text(input, 'until'), text(input, 'for')]
  if ((until === undefined) === (length === undefined))
    throw new SeneschalError('usage', 'A window has an end: say --until TIME or --for DURATION.')
  if (until !== undefined) return timeOf(until, '--until')
  const { duration, milliseconds } = await import('../../config/schemas.ts')
  const parsed = duration.safeParse(length)
  if (!parsed.success) throw new SeneschalError('usage', parsed.error.issues[0]?.message ?? 'no duration')
  return from + milliseconds(parsed.data)
}

const maintenanceAddCommand: Command = {
  name: 'daemon maintenance add',
  summary: 'Announce a time in which nothing new starts, on the site, a host, a runner or for an account.',
  usage:
    'site|host NAME|runner NAME|account NAME (--until TIME | --for DURATION) [--from TIME] [--reason TEXT]',
  help: `What runs ends by itself, kills are carried out; the window ends by itself. Everybody concerned sees it with its
    end. Prints its id. ${asTheDaemon}`,
  section,
  options: {
    from: { type: 'string', value: 'TIME', help: 'for example 2026-12-01T06:00:00Z (default: now)' },
    until: { type: 'string', value: 'TIME', help: 'its end' },
    for: { type: 'string', value: 'DURATION', help: 'instead of its end: for example PT2H' },
    reason: { type: 'string', value: 'TEXT', help: 'shown to those concerned' },
    ...configOption,
  },
  run: async (input) => {
    mustHaveWords(maintenanceAddCommand, input, 1, 2)
    const { state, config, holder, whenHeard } = await open(input)
    const { maintenanceWindow } = await import('../../protocol/maintenance.ts')
    const { randomBytes } = await import('node:crypto')
    const [scope, name = null] = input.words
    if (scope === 'account' && name !== null && !Object.hasOwn(config.accounts, name))
      throw new SeneschalError('usage', `${name} is no account of this daemon.`)
    const given = text(input, 'from')
    const from = given === undefined ? Date.now() : await timeOf(given, '--from')
    const window = maintenanceWindow.safeParse({
      id: randomBytes(4).toString('hex'),
      ...{ scope, name, from, until: await endOf(input, from), reason: text(input, 'reason') ?? null },
    })
    if (!window.success) throw new SeneschalError('usage', window.error.issues[0]?.message ?? 'no window')
    if (window.data.until <= Date.now()) throw new SeneschalError('usage', 'This window is over already.')
    const { addWindow } = await import('../../daemon/control/files.ts')
    await addWindow(state, window.data)
    say(window.data.id)
    process.stderr.write(`${whenHeard(await holder())}\n`)
    return 0
  },
}

const maintenanceListCommand: Command = {
  name: 'daemon maintenance list',
  summary: 'Windows that are or will be, those of the configuration too.',
  usage: '[--config FILE] [--json]',
  help: asTheDaemon,
  section,
  options: { ...configOption, json: { type: 'boolean', help: 'a JSON object a line' } },
  run: async (input) => {
    mustHaveWords(maintenanceListCommand, input, 0, 0)
    const { config, state } = await open(input)
    const { allWindows, windowLine } = await import('../daemon-status.ts')
    const now = Date.now()
    for (const window of await allWindows(config, state, now))
      say(input.values.json === true ? JSON.stringify(window) : windowLine(window, now))
    return 0
  },
}

const maintenanceEndCommand: Command = {
  name: 'daemon maintenance end',
  summary: 'End a maintenance window before its time, or take it back.',
  usage: 'ID',
  help: `Those of the configuration end by an edit of it and a restart. ${asTheDaemon}`,
  section,
  options: configOption,
  run: async (input) => {
    mustHaveWords(maintenanceEndCommand, input, 1, 1)
    const { state, holder, whenHeard } = await open(input)
    const { readControl, removeWindow } = await import('../../daemon/control/files.ts')
    const id = input.words[0] ?? ''
    const { windows } = await readControl(state)
    if (!windows.some((window) => window.id === id))
      throw new SeneschalError(
        'usage',
        `There is no window ${JSON.stringify(id)} to end: seneschal daemon maintenance list.`,
      )
    await removeWindow(state, id)
    say(`Ended. ${whenHeard(await holder())}`)
    return 0
  },
}

export const daemonControlCommands: readonly Command[] = [
  daemonStopCommand,
  daemonDrainCommand,
  daemonResumeCommand,
  daemonStatusCommand,
  daemonTakeoverCommand,
  maintenanceAddCommand,
  maintenanceListCommand,
  maintenanceEndCommand,
]
