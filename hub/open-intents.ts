/** Intents that lead nowhere: allowed and recorded by a hub that then died, or was cut off, before it could hand over. */
import { chainFiles, linesOf } from '../durable/chain-files.ts'
import { parseRecord } from '../durable/chain-record.ts'
import { actionOf, isActionName } from '../protocol/actions/registry.ts'
import type { AuditRecord } from '../protocol/audit.ts'

/**
 * An id alone joins nothing: an account may file a request of its own under the id of somebody's grant, and its outcome
 * is not theirs.
 */
export const intentKey = ({
  request,
  person,
  account,
  action,
}: Pick<AuditRecord, 'request' | 'person' | 'account' | 'action'>): string =>
  [request, person, account, action].map((part) => JSON.stringify(part)).join(',')

export type OpenIntents = {
  /** A line of a chain, found good. */
  readonly note: (line: Buffer, writer: string) => void
  /** Those without an outcome, the oldest first; undefined where no daemon's chain was seen, so that nothing can be said. */
  readonly open: () => readonly AuditRecord[] | undefined
}

const text = '(?:null|"(?:[^"\\\\]|\\\\.)*")'
/** Fields stand in the order of the schema; what a caller may shape freely, `args`, comes after those that count. */
const actionLine = new RegExp(
  `^\\{"time":"[^"]*","writer":"[^"]*","seq":\\d+,"event":"action\\.(intended|done|not-done|not-sent)",` +
    `"code":${text},"person":(${text}),"session":${text},"address":${text},"account":(${text}),` +
    `"workflow":${text},"task":${text},"cycle":${text},"action":(${text}),`,
)
const requestField = ',"request":"'

/** Joins intents and outcomes. Half of a pair is remembered until the other comes, from whichever chain. */
export const createOpenIntents = (): OpenIntents => {
  const intents = new Map<string, Buffer>()
  const ended = new Set<string>()
  let hasDaemon = false
  return {
    note: (line, writer) => {
      hasDaemon ||= writer.startsWith('daemon/')
      const said = line.toString('latin1')
      // After `args`, and in no text: there each quotation mark has its backslash.
      const at = said.lastIndexOf(requestField)
      const match = at === -1 ? null : actionLine.exec(said)
      if (match === null) return
      const from = at + requestField.length - 1
      const request = said.slice(from, said.indexOf('"', from + 1) + 1)
      // Bytes, so that the key keeps nothing of the line alive.
      const key = Buffer.from([request, match[2], match[3], match[4]].join(','), 'latin1').toString('latin1')
      // Whichever chain comes first.
      if (match[1] !== 'intended') {
        if (!intents.delete(key)) ended.add(key)
      } else if (!ended.delete(key)) intents.set(key, Buffer.from(line))
    },
    open: () =>
      hasDaemon
        ? intents
            .values()
            .map(parseRecord)
            .filter((record) => record !== undefined)
            .toArray()
            .sort((a, b) => a.time.localeCompare(b.time))
        : undefined,
  }
}

/** Of these audit directories, unverified: a hub's and its daemons' belong together. */
export const openIntents = async (dirs: readonly string[]): Promise<readonly AuditRecord[] | undefined> => {
  const found = createOpenIntents()
  for (const dir of dirs)
    for (const [writer, files] of await chainFiles(dir))
      for await (const { lines } of linesOf(dir, files)) for (const line of lines) found.note(line, writer)
  return found.open()
}

/** Whether it can still get an outcome: a daemon applies nothing after the action's own time. */
export const isOverdue = ({ time, action }: AuditRecord, now: number): boolean =>
  action === null || !isActionName(action) || now > Date.parse(time) + actionOf(action).notAfter
