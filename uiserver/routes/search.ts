/** Search in logs: hits as they are found, newest cycle first, until there are enough of them. */
import type { z } from 'zod/mini'
import type { searchHit } from '../../protocol/api.ts'
import { asSeneschalError, SeneschalError } from '../../protocol/errors.ts'
import { cyclePoint, taskName, workflowName } from '../../protocol/ids.ts'
import type { Admission } from '../admission.ts'
import { drained } from '../drained.ts'
import { type Exchange, errorBodyOf, linesType, optional, whole } from '../exchange.ts'
import type { Model } from '../model.ts'
import type { Route } from '../router.ts'
import type { RegexMatcher } from '../search/regex.ts'
import { createShares } from '../shares.ts'

export type SearchParts = {
  readonly jobRoot: string
  readonly model: Model
  readonly admission: Pick<Admission, 'may' | 'admit'>
  /** Aborted when the server ends. */
  readonly signal: AbortSignal
  readonly log: (message: string, error?: unknown) => void
}

const longestText = 256
const enough = 500
const mostHits = 5000
/** Searches at once: each may have a thread and a megabyte. */
const most = { all: 6, each: 2 }
/** Below the minute for which its assertion speaks and the hub waits for a silent answer. */
const mayLast = 50_000
/** An answer begins when there is something to say, or after this long: until then it can still be an error. */
const headAfter = 1000

export const searchRoutes = (parts: SearchParts): readonly Route[] => {
  const { jobRoot, model, admission } = parts
  const shares = createShares(most)

  const workflowsFor = ({ viewer, query }: Exchange): readonly string[] => {
    const workflow = optional(query, 'workflow', workflowName)
    if (workflow !== undefined) {
      for (const action of ['search', 'logs'] as const)
        admission.admit(viewer, { action, workflow, hidden: 'workflow.unknown' })
      return [workflow]
    }
    return [...model.workflows()]
      .map((row) => row.workflow)
      .filter((name) => admission.may(viewer, 'search', name) && admission.may(viewer, 'logs', name))
  }

  const search = async (exchange: Exchange, signal: AbortSignal, head: () => void): Promise<void> => {
    const { query, response } = exchange
    const text = query.get('text') ?? ''
    if (text === '' || text.length > longestText)
      throw new SeneschalError('input.invalid', 'text is not valid.')
    const cycle = optional(query, 'cycle', cyclePoint)
    const task = optional(query, 'task', taskName)
    const limit = whole(query, 'limit', enough, mostHits)
    const workflows = workflowsFor(exchange)
    const { scanFile, literalMatcher } = await import('../search/scan.ts')
    const { walkLogs } = await import('../search/walk.ts')
    let regex: RegexMatcher | undefined
    if (query.get('regex') === '1') regex = (await import('../search/regex.ts')).regexMatcher(text)
    const matches = regex?.matches ?? literalMatcher(text)
    let hits = 0
    try {
      for (const workflow of workflows)
        for await (const { path, file, job } of walkLogs(jobRoot, { workflow, cycle, task }, signal))
          for await (const { line, text } of scanFile(path, matches, signal)) {
            // Rights may be taken away while it runs.
            if (signal.aborted || hits >= limit || !admission.may(exchange.viewer, 'search', workflow)) return
            hits += 1
            head()
            const hit: z.infer<typeof searchHit> = { ...job, file, line, text }
            if (!response.write(`${JSON.stringify(hit)}\n`)) await drained(response, signal)
          }
    } finally {
      await regex?.close()
    }
  }

  return [
    {
      method: 'GET',
      path: 'search',
      needs: 'each',
      handle: async (exchange) => {
        const { response } = exchange
        const giveBack = shares.take(exchange.viewer.assertion.sub)
        const left = new AbortController()
        const leave = () => left.abort()
        response.once('close', leave)
        const signal = AbortSignal.any([left.signal, parts.signal, AbortSignal.timeout(mayLast)])
        const head = () => {
          if (response.headersSent || response.destroyed) return
          response.writeHead(200, { 'content-type': linesType, 'cache-control': 'no-store' })
          response.flushHeaders()
        }
        const timer = setTimeout(head, headAfter)
        try {
          await search(exchange, signal, head)
          head()
        } catch (thrown) {
          if (!response.headersSent) throw thrown
          const error = asSeneschalError(thrown)
          if (error.code === 'internal') parts.log(`request ${exchange.id} failed`, error.cause)
          // Too late for a status: the last line says why there is no more.
          response.write(`${JSON.stringify(errorBodyOf(error, exchange.id))}\n`)
        } finally {
          giveBack()
          clearTimeout(timer)
          response.off('close', leave)
        }
        response.end()
      },
    },
  ]
}
