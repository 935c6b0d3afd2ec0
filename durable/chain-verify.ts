/** Reading and checking of audit chains. */
import type { AuditRecord } from '../protocol/audit.ts'

/** A head (`SEQ:HASH`) that somebody else kept: what the chain must still contain. */
export type Anchor = { readonly writer: string; readonly head: string }

export type BadRecord = {
  /** Name within the directory. */
  readonly file: string
  /** From 1. */
  readonly line: number
  /** The number expected at this place. */
  readonly seq: number
  /** For a person. */
  readonly why: string
}

/** One writer's chain; `bad` is the first record that is not what was written. */
export type ChainReport = {
  readonly writer: string
  readonly files: number
  /** Records that are good, from the start. */
  readonly records: number
  readonly head: string
  readonly bad: BadRecord | undefined
}
export type VerifyReport = { readonly ok: boolean; readonly chains: readonly ChainReport[] }

export declare const verifyChain: (
  dir: string,
  options?: { readonly anchors?: readonly Anchor[] | undefined },
) => Promise<VerifyReport>

/** Records of one writer (or all, writer after writer) in order, numbers above `after` only. Not verified. */
export declare const readChain: (
  dir: string,
  options?: { readonly writer?: string | undefined; readonly after?: number | undefined },
) => AsyncIterable<AuditRecord>
