/** What a decision is about, and what it says. */
import type { ElevationClass, PermissionAction, PermissionClass } from '../protocol/permissions.ts'
import type { TokenScope } from '../protocol/script-tokens.ts'

/**
 * Who asks: a person with the groups the hub vouches for (`SOURCE/NAME`), or an account acting for itself
 * or reading another's state.
 */
export type Who =
  | {
      readonly kind: 'person'
      readonly name: string
      readonly groups: readonly string[]
      /** By the token of a script: no more than this of what the person may. */
      readonly scope?: TokenScope | undefined
    }
  | { readonly kind: 'account'; readonly account: string }

export type Question = {
  readonly who: Who
  readonly action: PermissionAction
  readonly account: string
  readonly workflow?: string | undefined
}

export type DecidingLayer = 'site' | 'account' | 'workflow' | 'limits' | 'lock' | 'owner' | 'token'

/** `allowed` says whether it may ever be done; `elevation` which privileges it takes besides. */
export type Decision = {
  readonly allowed: boolean
  readonly class: PermissionClass
  /** The class to raise to before acting; undefined for reading and notes. */
  readonly elevation: ElevationClass | undefined
  /** What decided; undefined where nobody is named anywhere (refused). */
  readonly layer: DecidingLayer | undefined
  readonly file: string | undefined
  readonly line: number | undefined
  /** The key that decided, as written: an action or a class. */
  readonly rule: string | undefined
  /** The principal that matched, as written. */
  readonly principal: string | undefined
  /** One sentence for a person. */
  readonly reason: string
}
