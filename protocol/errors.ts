/** One table of errors: code → HTTP status and sentence. Code is the contract; the sentence may change. */

const table = {
  'account.ambiguous': {
    status: 400,
    text: "This Unix user is more than one account. Name the one that is meant: seneschal submit --on '~ACCOUNT' …",
  },
  'account.unknown': { status: 404, text: 'There is no such account, or you may not see it.' },
  'action.unknown': { status: 404, text: 'There is no such action.' },
  'agent.failed': { status: 502, text: 'The agent on the host failed.' },
  'agent.missing': { status: 502, text: 'The agent is not installed on the host, or did not answer.' },
  'agent.refused': { status: 403, text: 'This key may not run that verb.' },
  'agent.version': { status: 502, text: 'The agent on the host speaks another version.' },
  'args.invalid': { status: 400, text: 'The arguments do not fit the action.' },
  'audit.unwritable': { status: 503, text: 'The audit log cannot be written, so no action is possible.' },
  'auth.answer-invalid': {
    status: 403,
    text: "The identity provider's answer cannot be trusted, so nobody was signed in.",
  },
  'auth.clocks-apart': {
    status: 403,
    text: 'The clocks of this site and of its identity provider are too far apart, so nobody was signed in. An administrator can set them right.',
  },
  'auth.denied': { status: 403, text: 'The identity provider refused the sign-in.' },
  'auth.logout-token-invalid': { status: 400, text: 'The logout token is not valid.' },
  'auth.not-mapped': { status: 403, text: 'Your identity may not use this site.' },
  'auth.provider-unavailable': {
    status: 503,
    text: 'The identity provider does not answer as it should. Try again soon.',
  },
  'auth.reauthentication-stale': {
    status: 403,
    text: 'The identity provider did not ask for your credentials again, so privileges were not raised.',
  },
  'auth.state-invalid': { status: 400, text: 'This sign-in was not started here, or was already used.' },
  'auth.subject-changed': {
    status: 403,
    text: 'Somebody else re-authenticated; privileges were not raised.',
  },
  'break-glass.code-invalid': { status: 403, text: 'The code is not valid, was used, or has expired.' },
  'break-glass.refused': { status: 403, text: 'The sealed key was not opened.' },
  'backup.invalid': { status: 500, text: 'The backup cannot be made, or cannot be used.' },
  'config.invalid': { status: 500, text: 'The configuration is not valid.' },
  'config.refused': {
    status: 400,
    text: 'A changed configuration file is not valid; the one before it stays in force. The audit log says where.',
  },
  'copy.changed': { status: 409, text: 'What was copied changed meanwhile.' },
  'copy.exists': { status: 409, text: 'The destination is there already.' },
  'copy.failed': { status: 502, text: 'The copy failed.' },
  'copy.refused': { status: 403, text: 'That is not copied.' },
  'csrf.invalid': { status: 403, text: 'The request did not carry the right CSRF token.' },
  'daemon.silent': {
    status: 503,
    text: 'The daemon has not been heard of for a while; actions are refused.',
  },
  'disk.unwritable': {
    status: 503,
    text: 'A disk of the site is full or cannot be written, so what is shown may be behind.',
  },
  'elevation.ended': { status: 403, text: 'Your raised privileges have ended. Raise them again to act.' },
  'elevation.required': { status: 403, text: 'This needs raised privileges.' },
  'explain.forbidden': {
    status: 404,
    text: 'There is no such person, account or workflow, or you may not see it.',
  },
  'feed.unavailable': {
    status: 503,
    text: 'What the daemon publishes cannot be read at the moment, so nothing new is shown.',
  },
  'file.unavailable': { status: 500, text: 'A file cannot be read or written.' },
  'file.unknown': { status: 404, text: 'There is no such file.' },
  'format.newer': {
    status: 500,
    text: 'A newer version wrote it, and this one cannot read it. Start the newer version again.',
  },
  'grant.expired': { status: 403, text: 'The grant arrived after its end.' },
  'grant.invalid': { status: 403, text: 'The grant is not one that the hub signed.' },
  'grant.missing': { status: 403, text: 'The account takes no requests without a grant.' },
  'grant.used': { status: 409, text: 'The grant was used before.' },
  'grant.wrong-account': { status: 403, text: 'The grant is for another account.' },
  'grant.wrong-request': { status: 403, text: 'The grant is for another request.' },
  'grant.wrong-site': { status: 403, text: 'The grant is for another site.' },
  'groups.too-many': {
    status: 403,
    text: 'You are in more groups than can be passed on. An administrator can have fewer of them named for you.',
  },
  'groups.unavailable': {
    status: 503,
    text: 'Your groups cannot be told at the moment, so nobody knows what you may do. Try again soon.',
  },
  'host.condemned': { status: 503, text: 'The host takes no new servers.' },
  'host.key-unknown': { status: 502, text: 'The host presented a key that is not on record.' },
  'host.not-condemned': { status: 409, text: 'The host takes new servers: condemn it first.' },
  'host.none-fits': { status: 503, text: 'No host takes the server.' },
  'host.unknown': { status: 404, text: 'There is no such host.' },
  'host.unreachable': { status: 502, text: 'The host cannot be reached.' },
  'input.invalid': { status: 400, text: 'The request is not what it should be.' },
  'input.too-large': { status: 413, text: 'The request is too large.' },
  'instance.unknown': { status: 404, text: 'There is no such task instance, or you may not see it.' },
  internal: { status: 500, text: 'Something went wrong on our side; it is in the log.' },
  'job.submit-failed': { status: 502, text: 'The job could not be submitted.' },
  'journal.corrupt': { status: 500, text: 'The journal is damaged.' },
  'journal.unwritable': { status: 503, text: 'The journal cannot be written, so nothing can change.' },
  'kiosk.code-invalid': { status: 403, text: 'The code is not valid, was used, or has expired.' },
  'kiosk.refused': { status: 403, text: 'This kiosk is not enrolled, or was revoked.' },
  'kiosk.unknown': { status: 404, text: 'There is no such kiosk.' },
  'kiosk.wall-only': { status: 403, text: 'A kiosk shows the wall and nothing else.' },
  'lease.held': { status: 503, text: 'Another daemon works on this state.' },
  'lease.lost': { status: 503, text: 'Another daemon took this state over.' },
  'lock.own': {
    status: 400,
    text: 'You would lock yourself out, or everybody who administers this site. Say that you mean it.',
  },
  'lock.order-old': { status: 409, text: 'A later order about locks is in force.' },
  'lock.too-many': { status: 409, text: 'There are too many locks. Lift one first.' },
  'lock.unknown': { status: 404, text: 'There is no such lock.' },
  'lock.held': { status: 403, text: 'An administrator locked this.' },
  'lost.connection': { status: 502, text: 'The connection was lost.' },
  'origin.foreign': { status: 403, text: 'The request came from another site.' },
  'path.invalid': { status: 400, text: 'The path is not valid.' },
  'permission.denied': { status: 403, text: 'You may not do this.' },
  'permission.stale': { status: 503, text: 'Permissions are older than 60 s, so actions are refused.' },
  'permissions.changed': { status: 409, text: 'Somebody else changed these permissions meanwhile.' },
  'permissions.invalid': { status: 400, text: 'The permissions are not valid.' },
  'permissions.unknown': { status: 404, text: 'There is no such version.' },
  'plugin.failed': { status: 502, text: 'The plugin failed.' },
  'plugin.invalid': { status: 500, text: 'The plugin may not be activated.' },
  'plugin.none': { status: 403, text: 'No such plugin is active.' },
  'plugin.refused': { status: 403, text: "The plugin's own rule refuses this." },
  'plugin.timeout': { status: 504, text: 'The plugin did not answer in time.' },
  'rate.limited': { status: 429, text: 'Too many requests. Try again soon.' },
  'request.duplicate': { status: 409, text: 'A request with this id was accepted before.' },
  'request.file-refused': { status: 400, text: 'The request file is not one that the daemon may read.' },
  'request.stale': { status: 409, text: 'The request came too late to be applied.' },
  'request.unknown': { status: 404, text: 'There is no such request, or you may not see it.' },
  'route.unknown': { status: 404, text: 'There is nothing here.' },
  'search.too-slow': { status: 429, text: 'The expression takes too long. Try a simpler one.' },
  'server.bad-answer': {
    status: 502,
    text: "The account's server gave an answer that may not be passed on.",
  },
  'server.off': { status: 503, text: "The account's server is not running." },
  'server.starting': { status: 503, text: "The account's server is starting." },
  'server.timeout': { status: 504, text: "The account's server did not answer in time." },
  'session.ended': { status: 401, text: 'Your session has ended. Sign in again.' },
  'session.missing': { status: 401, text: 'Sign in first.' },
  'session.unknown': { status: 404, text: 'There is no such session.' },
  'ssh.auth-failed': { status: 502, text: 'The host refused the key of the hub.' },
  'spawn.failed': { status: 502, text: "The account's server could not be started." },
  'spawn.timeout': { status: 504, text: "The account's server did not start in time." },
  'state.conflict': { status: 409, text: 'The task is not in a state in which this makes sense.' },
  'state.unreadable': { status: 500, text: 'The stored state of the workflow cannot be read.' },
  'step.failed': { status: 502, text: 'What the plugin had done did not succeed.' },
  'store.unavailable': {
    status: 503,
    text: "The hub's database takes no changes at the moment. Nobody is signed out; try again soon.",
  },
  'task.unknown': { status: 404, text: 'There is no such task, or you may not see it.' },
  'token.asleep': {
    status: 401,
    text: 'Nobody vouched for the groups of its person for too long. The token is good again once they sign in.',
  },
  'token.elsewhere': { status: 403, text: 'The token is not for this address.' },
  'token.invalid': { status: 401, text: 'The token is not valid.' },
  'token.misused': {
    status: 400,
    text: 'A token is for scripts alone: without a cookie, and not from a page.',
  },
  'token.read-only': { status: 403, text: 'A token only reads.' },
  'token.scope': { status: 403, text: 'The token was not made for this.' },
  'token.unknown': { status: 404, text: 'There is no such token.' },
  'tunnel.closed': { status: 502, text: "The connection to the account's server was lost." },
  'tunnel.full': { status: 503, text: "The account's server has too many connections." },
  usage: { status: 400, text: 'The command line is not valid.' },
  'workflow.invalid': { status: 400, text: 'The workflow definition is not valid.' },
  'workflow.unknown': { status: 404, text: 'There is no such workflow, or you may not see it.' },
} as const satisfies Record<string, { readonly status: number; readonly text: string }>

export type ErrorCode = keyof typeof table

export const errorTable: Readonly<Record<ErrorCode, { readonly status: number; readonly text: string }>> =
  table

export const isErrorCode = (value: unknown): value is ErrorCode =>
  typeof value === 'string' && Object.hasOwn(table, value)

/**
 * The only error that crosses a border. `detail` is for the person who caused it (a file and line, the
 * rule that refused) and never holds a secret; `cause` is for the log.
 */
export class SeneschalError extends Error {
  readonly code: ErrorCode
  readonly detail: string | undefined

  constructor(code: ErrorCode, detail?: string, options?: { readonly cause?: unknown }) {
    super(detail === undefined ? table[code].text : `${table[code].text} ${detail}`, options)
    this.name = 'SeneschalError'
    this.code = code
    this.detail = detail
  }

  get status(): number {
    return table[this.code].status
  }
}

/** Any thrown value as a SeneschalError; what is not one becomes `internal` with its cause kept for the log. */
export const asSeneschalError = (thrown: unknown): SeneschalError =>
  thrown instanceof SeneschalError ? thrown : new SeneschalError('internal', undefined, { cause: thrown })
