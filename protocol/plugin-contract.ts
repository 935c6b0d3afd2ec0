/**
 * What the author of a daemon plugin imports, as `seneschal/plugin`; the running installation resolves it, so a plugin
 * needs nothing installed beside it. docs/writing-plugins.md tells the whole story.
 */
import type { Infer, ObjectSchema } from './json-schema.ts'
import type { PluginExample, Verdict } from './plugins.ts'
import type { Step, Work } from './steps.ts'

export type { Infer, ObjectSchema, Schema } from './json-schema.ts'
export type { PluginExample, Verdict } from './plugins.ts'
export type { CopyStep, JobStep, Step, Work } from './steps.ts'

export type Request<Args> = {
  readonly id: string
  /** Whose jobs and files it is about. */
  readonly account: string
  /** Proved by the hub's grant; null: the account itself, no person known. */
  readonly person: string | null
  /** `unix/NAME`, `ldap/NAME`, `oidc/NAME`. */
  readonly groups: readonly string[]
  readonly args: Args
  /** When it was taken up, epoch ms. */
  readonly at: number
}

type Names<S> = S extends { readonly properties: infer P } ? keyof P & string : never

export type Plugin<A extends ObjectSchema, S extends ObjectSchema> = {
  readonly version: string
  /** For whoever runs it; the first line is the summary. */
  readonly help: string
  readonly arguments: A
  /** Arguments that may be given without their names, in order; a list takes the rest. */
  readonly positional?: readonly Names<A>[]
  /** Whether the audit log keeps an argument's value (`keep`), only that it was given (`hide`), or nothing (`skip`). */
  readonly audit: { readonly [K in Names<A>]: 'keep' | 'hide' | 'skip' }
  readonly settings: S
  /** The business rule. Whoever asked sees the reason of a refusal. */
  readonly authorize: (request: Request<Infer<A>>, settings: Infer<S>) => Verdict | Promise<Verdict>
  /** What is to be done, as data. It has no effects of its own. */
  readonly plan: (args: Infer<A>, request: Request<Infer<A>>, settings: Infer<S>) => Step | Promise<Step>
  /** Cases that `seneschal plugin check` tries. */
  readonly examples?: readonly PluginExample[]
}

/** The default export of a plugin in TypeScript or JavaScript. */
export const definePlugin = <const A extends ObjectSchema, const S extends ObjectSchema>(
  plugin: Plugin<A, S>,
): Plugin<A, S> => plugin

export const allowed: Verdict = { allowed: true }
export const refused = (reason: string): Verdict => ({ allowed: false, reason })

/** Refuses after all, for a reason that only planning shows. */
export const reject = (reason: string): Step => ({ kind: 'reject', reason })

/** One after the other; the first that fails ends it. */
export const sequence = (...steps: readonly Work[]): Work => ({ kind: 'sequence', steps })

/** All at once; it fails if one of them does. */
export const parallel = (...steps: readonly Work[]): Work => ({ kind: 'parallel', steps })
