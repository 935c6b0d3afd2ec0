/** What is wrong at the moment, one sentence for each place: logged when it comes and goes, shown while it lasts. */
import { asSeneschalError, type ErrorCode } from '../protocol/errors.ts'
import type { Log } from './log.ts'

export type Problems = {
  /** An error, a sentence, or null when all is well there again. */
  readonly report: (where: string, what: unknown) => void
  /** All of them as one text; null when there are none. */
  readonly text: () => string | null
  /** Of those that concern everybody. */
  readonly codes: () => readonly ErrorCode[]
}

/** What makes all that the daemon runs stand still, or looks like it. The rest is told where it belongs. */
const everybodys: ReadonlySet<ErrorCode> = new Set([
  'audit.unwritable',
  'config.refused',
  'disk.unwritable',
  'journal.unwritable',
])
const diskTroubles: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EFBIG'])

const codeOf = (what: unknown): ErrorCode =>
  what instanceof Error && 'code' in what && diskTroubles.has(what.code)
    ? 'disk.unwritable'
    : asSeneschalError(what).code

const sentence = (what: unknown): string => {
  if (typeof what === 'string') return what
  const error = asSeneschalError(what)
  return error.code === 'internal' && what instanceof Error ? what.message : error.message
}

export const createProblems = (log: Log, onChange: () => void): Problems => {
  const open = new Map<string, { readonly text: string; readonly code: ErrorCode }>()
  return {
    report: (where, what) => {
      if (what === null) {
        if (!open.delete(where)) return
        log.info({ where }, 'works again')
      } else {
        const text = sentence(what)
        if (open.get(where)?.text === text) return
        open.set(where, { text, code: codeOf(what) })
        log.warn({ where, err: what }, text)
      }
      onChange()
    },
    text: () =>
      open.size === 0
        ? null
        : [...open]
            .map(([where, { text }]) => `${where}: ${text}`)
            .join(' ')
            .slice(0, 1000),
    codes: () => [
      ...new Set([...open.values()].map(({ code }) => code).filter((code) => everybodys.has(code))),
    ],
  }
}
