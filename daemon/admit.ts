/** From the bytes of a request file to who asks for what, or why the file is none. */
import { parseStrictJson } from '../durable/strict-json.ts'
import { actionOf, isActionName } from '../protocol/actions/registry.ts'
import { auditAnchor } from '../protocol/audit.ts'
import { SeneschalError } from '../protocol/errors.ts'
import type { LockOrder } from '../protocol/locks.ts'
import { type Ask, type OrderFile, requestFile } from '../protocol/requests.ts'
import type { Verifier } from '../wire/tokens.ts'
import type { Accepted } from './events.ts'

export type RequestBytes = {
  readonly bytes: Uint8Array
  /** Of the file's owner: the only thing about it that nobody can claim. */
  readonly uid: number
  readonly ctimeMs: number
}

export type AdmissionRules = {
  readonly site: string
  /** Made anew when the keys' file changes. */
  readonly verifier: () => Verifier
  readonly uidOf: (account: string) => number | undefined
  /** Grants of before are void; epoch, ms. */
  readonly grantsFrom: () => number
  /** The one account that a uid is. */
  readonly accountOf: (uid: number) => string | undefined
  /** Whether a uid is more than one account: then a request has to name the one it is for. */
  readonly isSeveral: (uid: number) => boolean
  /** Name of a Unix user who is no account; never root's. */
  readonly strangerOf: (uid: number) => Promise<string | undefined>
}

/** The clocks of hub and daemon, ms. */
const clocksMayDiffer = 5000

const askOf = (ask: Ask): Accepted['ask'] => {
  const { action } = ask
  if (!isActionName(action)) throw new SeneschalError('action.unknown')
  return { ...ask, action }
}

const granted = async (
  file: { readonly id: string; readonly grant: string },
  entry: RequestBytes,
  rules: AdmissionRules,
): Promise<Accepted> => {
  const grant = await rules.verifier().verifyGrant(file.grant, rules.site, entry.ctimeMs)
  if (grant.jti !== file.id) throw new SeneschalError('grant.wrong-request')
  if (rules.uidOf(grant.request.account) !== entry.uid) throw new SeneschalError('grant.wrong-account')
  const ask = askOf(grant.request)
  const grantedAt = grant.iat * 1000
  if (grantedAt < rules.grantsFrom())
    throw new SeneschalError('grant.expired', 'It is of before this daemon was restored.')
  const { elevation } = grant
  // As with the grant's own end, the file's ctime counts: what is held back does not outlast the privileges.
  const filedAt = Math.max(grantedAt, entry.ctimeMs - clocksMayDiffer)
  return {
    id: file.id,
    uid: entry.uid,
    via: 'web',
    ask,
    person: grant.sub,
    groups: grant.groups,
    session: grant.session,
    elevation: elevation !== null && elevation.until >= filedAt ? elevation.class : null,
    reason: grant.reason ?? null,
    // Grants of before said no writer.
    ...(auditAnchor.test(grant.audit) ? { anchor: grant.audit } : {}),
    notAfter: grantedAt + actionOf(ask.action).notAfter,
  }
}

/** Users who are no account may ask for plugin runs of their own, under their own name and no other. */
const strangerFor = async (
  { action, account }: { readonly action: string; readonly account?: string | undefined },
  uid: number,
  rules: AdmissionRules,
): Promise<string> => {
  if (action !== 'submit') throw new SeneschalError('permission.denied')
  const name = await rules.strangerOf(uid)
  if (account !== undefined && account !== name) throw new SeneschalError('permission.denied')
  if (name === undefined) throw new SeneschalError('plugin.none')
  return name
}

/** Without a grant there is no person, only the uid: it may act on the account that it is. */
const own = async (
  file: Omit<Ask, 'account'> & { readonly id: string; readonly account?: string | undefined },
  entry: RequestBytes,
  rules: AdmissionRules,
): Promise<Accepted> => {
  const { id, action, workflow, cycle, task, plugin, args } = file
  const named = file.account ?? rules.accountOf(entry.uid)
  if (named === undefined && rules.isSeveral(entry.uid)) throw new SeneschalError('account.ambiguous')
  const isOwn = named !== undefined && rules.uidOf(named) === entry.uid
  const account = isOwn ? named : await strangerFor(file, entry.uid, rules)
  const ask = askOf({ action, account, workflow, cycle, task, plugin, args })
  return {
    id,
    uid: entry.uid,
    via: 'cli',
    ask,
    ...(isOwn ? {} : { stranger: true }),
    person: null,
    groups: [],
    session: null,
    elevation: null,
    reason: null,
    notAfter: entry.ctimeMs + actionOf(ask.action).notAfter,
  }
}

/** An order of a hub: whose file it is does not matter, whose signature does. */
const ordered = async (
  file: OrderFile,
  entry: RequestBytes,
  rules: AdmissionRules,
): Promise<{ readonly order: LockOrder }> => {
  const order = await rules.verifier().verifyLockOrder(file.order, rules.site, entry.ctimeMs)
  if (order.jti !== file.id) throw new SeneschalError('grant.wrong-request')
  if (order.iat * 1000 < rules.grantsFrom())
    throw new SeneschalError('grant.expired', 'It is of before this daemon was restored.')
  return { order }
}

/** Throws for what is neither, with the code that says why. */
export const admitFile = async (
  entry: RequestBytes,
  rules: AdmissionRules,
): Promise<Accepted | { readonly order: LockOrder }> => {
  const parsed = requestFile.safeParse(parseStrictJson(entry.bytes))
  if (!parsed.success) throw new SeneschalError('input.invalid', undefined, { cause: parsed.error })
  if ('order' in parsed.data) return ordered(parsed.data, entry, rules)
  return 'grant' in parsed.data ? granted(parsed.data, entry, rules) : own(parsed.data, entry, rules)
}

/** The same of a file that has to be a request. */
export const admit = async (entry: RequestBytes, rules: AdmissionRules): Promise<Accepted> => {
  const asked = await admitFile(entry, rules)
  if ('order' in asked) throw new SeneschalError('input.invalid')
  return asked
}
