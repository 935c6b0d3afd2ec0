/** The permission catalogue: classes, the actions in each, principals, and the shape of a layer. */
import { z } from 'zod/mini'
import { accountName, personName, workflowName } from './ids.ts'

/** Every action that a layer can name, by class. `own` is implied by nothing; `note` needs no elevation. */
export const catalogue = {
  read: {
    view: 'see the workflow and its state',
    logs: 'read job logs and outputs',
    source: 'read the definition, files and settings',
    search: 'search in logs',
  },
  execute: {
    play: 'start a workflow',
    pause: 'pause a workflow',
    resume: 'resume a paused workflow',
    stop: 'stop a workflow, or a task and its job',
    start: 'start a stopped task again',
    hold: 'hold a task back',
    release: 'release a held task',
    trigger: 'run a task now',
    kill: 'kill a running job',
    poll: 'ask the runner how a job is',
    set: 'set outputs of a task as done',
    remove: 'remove a task instance',
    submit: 'run a plugin once',
  },
  write: {
    edit: 'change the settings of coming runs',
    reload: 'take up a changed definition',
    install: 'install a definition',
    uninstall: 'uninstall a workflow',
    clean: 'remove outputs and history',
  },
  own: { permissions: 'decide who may do what' },
  note: { annotate: 'acknowledge and comment' },
} as const

export type PermissionClass = keyof typeof catalogue
export type PermissionAction = { [C in PermissionClass]: keyof (typeof catalogue)[C] }[PermissionClass]
/** The classes that a person raises to; a session by itself is read-only. */
export type ElevationClass = 'execute' | 'write'
export const elevationClass = z.enum(['execute', 'write'])

export const permissionClasses = Object.keys(catalogue) as readonly PermissionClass[]

const classByAction = new Map<string, PermissionClass>(
  permissionClasses.flatMap((name) => Object.keys(catalogue[name]).map((action) => [action, name] as const)),
)
export const permissionActions = [...classByAction.keys()] as readonly PermissionAction[]

export const isPermissionAction = (name: string): name is PermissionAction => classByAction.has(name)

export const classOf = (action: PermissionAction): PermissionClass => {
  const found = classByAction.get(action)
  if (found === undefined) throw new TypeError(`no such action: ${action}`)
  return found
}

/** Whether privileges raised to `held` cover an action of class `needed`; read and note need none. */
export const covers = (held: ElevationClass | undefined, needed: PermissionClass): boolean => {
  if (needed === 'read' || needed === 'note') return true
  if (needed === 'execute') return held === 'execute' || held === 'write'
  return held === 'write'
}

/** The class to raise to before an action of class `needed`; undefined where none is needed. */
export const elevationFor = (needed: PermissionClass): ElevationClass | undefined => {
  if (needed === 'read' || needed === 'note') return undefined
  return needed === 'execute' ? 'execute' : 'write'
}

const groupName = '[A-Za-z0-9_][A-Za-z0-9_.@ -]{0,127}'
const groupNamePattern = new RegExp(`^${groupName}$`)
/** Whether a rule can name a group that is called so at its source. */
export const isGroupName = (name: string): boolean => groupNamePattern.test(name)

const principalPattern = new RegExp(
  `^(?:everyone|owner|inherit|!?user:[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}|!?group:(?:unix|ldap|oidc)/${groupName}|!?account:[a-z_][a-z0-9_-]{0,31}|!owner)$`,
)

/**
 * `everyone` (signed in), `owner`, `user:NAME`, `group:SOURCE/NAME`, `account:NAME`, `!principal` (deny, wins
 * inside its list), `inherit` (what the layer below says).
 */
export const principal = z.string().check(
  z.regex(principalPattern, {
    error: (issue) =>
      `${JSON.stringify(issue.input)} is not a principal: everyone, owner, user:NAME, group:unix|ldap|oidc/NAME, account:NAME, one of these after "!", or inherit`,
  }),
)
export const principals = z.readonly(z.array(principal))
export type Principals = z.infer<typeof principals>

/** What a layer can name: every class and action but `own`, which no layer can give away. */
export type RuleKey = Exclude<PermissionClass | PermissionAction, 'own' | 'permissions'>
export const ruleKeys = [...permissionClasses, ...permissionActions].filter(
  (key): key is RuleKey => key !== 'own' && key !== 'permissions',
)
/** A layer's rules: class or action → principals. Unknown keys are refused. An empty list names nobody. */
export const rules = z.partial(
  z.strictObject(
    Object.fromEntries(ruleKeys.map((key) => [key, principals])) as Record<RuleKey, typeof principals>,
  ),
)
export type Rules = { readonly [K in RuleKey]?: Principals | undefined }

/** Where a rule stands, so that a decision can name its line. */
const source = z.readonly(z.strictObject({ file: z.string(), lines: z.record(z.string(), z.number()) }))

export const layer = z.readonly(z.strictObject({ rules, source }))
export type Layer = z.infer<typeof layer>

const accountEntry = z.readonly(
  z.strictObject({
    owners: principals,
    /** Whether the account's own uid may act without a grant. */
    cli: z.enum(['allow', 'refuse']),
    layer: z.optional(layer),
    workflows: z.record(workflowName, layer),
  }),
)

export const roles = ['admin', 'auditor', 'developer'] as const
export type Role = (typeof roles)[number]

/** What the daemon compiles out of the site file and all layers; the only thing that decisions read. */
export const permissionSnapshot = z.readonly(
  z.strictObject({
    v: z.literal(1),
    /** Never decreases. */
    version: z.number(),
    /** When it was last confirmed by the daemon, epoch ms; older than 60 s = actions refused. */
    at: z.number(),
    site: layer,
    limits: layer,
    roles: z.strictObject({ admin: principals, auditor: principals, developer: principals }),
    accounts: z.record(accountName, accountEntry),
    locks: z.strictObject({
      persons: z.readonly(z.array(personName)),
      accounts: z.readonly(z.array(accountName)),
      hosts: z.readonly(z.array(z.string())),
    }),
    /** How far the orders of each hub about locks were taken up, by issuer; absent where there was none. */
    lockOrders: z.optional(z.record(z.string(), z.number())),
    /** How long raised privileges may last at most, by class, ms; absent where the site does not say. */
    elevation: z.optional(z.readonly(z.partial(z.strictObject({ execute: z.number(), write: z.number() })))),
  }),
)
export type PermissionSnapshot = z.infer<typeof permissionSnapshot>

/** How long a snapshot may be acted upon after the daemon last confirmed it, ms. */
export const snapshotMaxAge = 60_000
