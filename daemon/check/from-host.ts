/** The site as an account sees it from its own host, beside the site as the daemon sees it. */
import { asSeneschalError } from '../../protocol/errors.ts'
import { version } from '../../protocol/version.ts'
import { callFacts } from '../../wire/agent-calls.ts'
import type { Transport } from '../../wire/transport.ts'
import type { ResolvedAccounts } from '../accounts.ts'
import type { DaemonConfig } from '../config.ts'
import { accountFeedMode, siteLayout } from '../layout.ts'
import { type Finding, octal, quoted } from './rule.ts'

type Wrong = Omit<Finding, 'rule'>
type Facts = Awaited<ReturnType<typeof callFacts>>

/** Clocks that differ by more are told; by much more, times in logs and ages of grants mean nothing, ms. */
const skewTold = 2000
const skewWrong = 30_000

type Place = { readonly path: string; readonly mode: number; readonly needs: 'read' | 'write' }

const placesOf = (config: DaemonConfig, account: string): readonly Place[] => {
  const at = siteLayout(config.root)
  return [
    { path: at.temp, mode: 0o3777, needs: 'write' },
    { path: at.inbox, mode: 0o3777, needs: 'write' },
    { path: at.jobEvents(account), mode: 0o2770, needs: 'write' },
    { path: at.accountFeed(account), mode: accountFeedMode, needs: 'read' },
  ]
}

const aboutPlace = (
  { path, mode, needs }: Place,
  found: Facts['paths'][number]['found'],
  { host, daemonUid }: { readonly host: string; readonly daemonUid: number },
): readonly Wrong[] => {
  if (found === null)
    return [
      {
        level: 'error',
        what: `${host} does not see ${path}.`,
        mend: `Mount the site's filesystem on ${host} under the same path, rw.`,
      },
    ]
  const wrong: Wrong[] = []
  if (found.uid !== daemonUid)
    wrong.push({
      level: 'error',
      what: `On ${host}, ${path} belongs to uid ${found.uid} instead of ${daemonUid}.`,
      mend: `Give the service account the same numeric ids on ${host} (or mend idmapd there).`,
    })
  if (found.mode !== mode)
    wrong.push({
      level: 'error',
      what: `On ${host}, ${path} has mode ${octal(found.mode)} instead of ${octal(mode)}: it is another place.`,
      mend: `Look at what is mounted there: findmnt --target ${quoted(path)}`,
    })
  if (needs === 'write' && !found.writable)
    wrong.push({
      level: 'error',
      what: `On ${host}, the account may not write to ${path}.`,
      mend: `Mount it rw on ${host}, and look at its groups there: id`,
    })
  if (needs === 'read' && !found.readable)
    wrong.push({
      level: 'error',
      what: `On ${host}, the account may not read ${path}.`,
      mend: `Look at its groups on ${host}: id (an NFS server counts sixteen unless it looks them up itself)`,
    })
  return wrong
}

const aboutHost = (
  facts: Facts,
  parts: {
    readonly account: string
    readonly expectedUid: number | undefined
    readonly asked: number
    readonly answered: number
  },
): readonly Wrong[] => {
  const { host } = facts
  const wrong: Wrong[] = []
  if (parts.expectedUid !== undefined && facts.uid !== parts.expectedUid)
    wrong.push({
      level: 'error',
      what: `${parts.account} is uid ${facts.uid} on ${host} and ${parts.expectedUid} here: its requests would count as somebody else's.`,
      mend: `Give it the same numeric ids on ${host}.`,
    })
  // It was read somewhere between the two.
  const skew = Math.max(parts.asked - facts.now, facts.now - parts.answered, 0)
  if (skew > skewTold)
    wrong.push({
      level: skew > skewWrong ? 'error' : 'warning',
      what: `The clock of ${host} differs by ${(skew / 1000).toFixed(1)} s at least.`,
      mend: `Let both follow one time server: chronyc tracking`,
    })
  if (!facts.shell)
    wrong.push({
      level: 'error',
      what: `${host} has no /bin/sh: no job can run.`,
      mend: 'Install a POSIX shell.',
    })
  if (facts.version !== version)
    wrong.push({
      level: 'warning',
      what: `${host} has Seneschal ${facts.version}, the daemon is ${version}.`,
      mend: `Install ${version} on ${host}.`,
    })
  return wrong
}

/** One account's view. A host that cannot be asked is a finding too. */
export const checkFromHost = async (parts: {
  readonly config: DaemonConfig
  readonly account: string
  /** As people know it. */
  readonly host: string
  readonly daemonUid: number
  readonly resolved: ResolvedAccounts
  readonly transport: Transport
  /** Epoch, ms. */
  readonly now: () => number
}): Promise<readonly Finding[]> => {
  const { config, account, host, transport, now } = parts
  const rule = `host ${host}, account ${account}`
  const places = placesOf(config, account)
  const asked = now()
  let facts: Facts
  try {
    facts = await callFacts(transport, { paths: places.map(({ path }) => path) })
  } catch (thrown) {
    const { code, message } = asSeneschalError(thrown)
    return [
      {
        ...{ rule, level: 'error', what: `It cannot be asked: ${message} [${code}]` },
        mend: `Look at the account's authorized_keys, and at what its login scripts print.`,
      },
    ]
  } finally {
    transport.close()
  }
  const expectedUid = config.unsafeSingleUser ? undefined : parts.resolved.ids.get(account)?.uid
  const found = new Map(facts.paths.map((place) => [place.path, place.found]))
  return [
    ...aboutHost({ ...facts, host }, { account, expectedUid, asked, answered: now() }),
    ...places.flatMap((place) =>
      aboutPlace(place, found.get(place.path) ?? null, { host, daemonUid: parts.daemonUid }),
    ),
  ].map((wrong) => ({ rule, ...wrong }))
}
