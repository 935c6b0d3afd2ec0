/** The inbox, which any user may write to: taking entries out, putting a request in, being woken. */
import type { ErrorCode } from '../protocol/errors.ts'

export type EntryRules = {
  /** Group of the inbox: a file moved in from elsewhere has another. */
  readonly gid: number
  /** Bytes; default `requestMaxBytes`. */
  readonly maxBytes?: number | undefined
}

export type TakenEntry =
  | {
      readonly ok: true
      /** The daemon's own copy: what is checked is what is done, whatever happens to the file. */
      readonly bytes: Buffer
      readonly uid: number
      readonly gid: number
      readonly ctimeMs: number
      readonly ino: string
    }
  | {
      readonly ok: false
      /** `file.unknown` = gone by now, which is no refusal; else `request.file-refused` or `input.too-large`. */
      readonly code: ErrorCode
      readonly detail: string
      readonly uid?: number | undefined
      /** Tells a refused entry that stays from a new one of the same name. */
      readonly ino?: string | undefined
    }

/** Reads one entry, once. Never follows a link, never blocks, never moves the file. */
export declare const takeEntry: (dir: string, name: string, rules: EntryRules) => Promise<TakenEntry>

/**
 * Puts a request into the inbox, durably. The file is named after the id, or, where another user squats on that
 * name, after the id and something random: the daemon goes by what stands inside.
 */
export declare const putRequest: (request: {
  readonly temp: string
  readonly inbox: string
  readonly id: string
  readonly body: unknown
}) => Promise<void>

/**
 * Calls `onEntries` with the names in the directory, at first, after each change and at each poll, never twice at
 * once; what changes while it runs makes it run again. Resolves when the signal is aborted.
 */
export declare const watchInbox: (settings: {
  readonly dir: string
  readonly pollMs: number
  readonly onEntries: (names: readonly string[]) => Promise<void>
  readonly onProblem: (error: Error | null) => void
  readonly signal: AbortSignal
}) => Promise<void>
