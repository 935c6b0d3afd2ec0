/** Logs of one job: which there are, their bytes, and their bytes as they come. */
import type { z } from 'zod/mini'
import { closeFile } from '../../durable/lines.ts'
import type { logsBody } from '../../protocol/api.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { type JobName, parseJobKey } from '../../protocol/jobs.ts'
import type { JobRow } from '../../protocol/rows.ts'
import type { Admission } from '../admission.ts'
import { type Exchange, sendJson, textType, whole } from '../exchange.ts'
import { followLog } from '../follow-log.ts'
import type { History } from '../history.ts'
import { isJobFileName, type JobFile, listJobFiles, openJobFile } from '../job-files.ts'
import type { Model } from '../model.ts'
import type { Route } from '../router.ts'
import { sendFile } from '../send-file.ts'
import { createShares } from '../shares.ts'

export type LogParts = {
  readonly jobRoot: string
  readonly model: Model
  readonly history: History
  readonly admission: Pick<Admission, 'may'>
  /** Aborted when the server ends. */
  readonly signal: AbortSignal
}

/** Logs followed at once. */
const most = { all: 64, each: 16 }
/**
 * The assertion that opened it says for a minute who is looking, and the hub gives up on an answer that is silent that
 * long; so the reader asks again before, from where it is.
 */
const followMayLast = 50_000
const finalStates: ReadonlySet<JobRow['state']> = new Set([
  'succeeded',
  'failed',
  'submit-failed',
  'killed',
  'lost',
])

export const logRoutes = (parts: LogParts): readonly Route[] => {
  const { jobRoot, model, history, admission } = parts
  const shares = createShares(most)

  const jobOf = ({ params }: Exchange): { readonly key: string; readonly job: JobName } => {
    const key = params.job ?? ''
    const job = parseJobKey(key)
    if (job === undefined || (model.get('job', key) ?? history.job(key)) === undefined)
      throw new SeneschalError('instance.unknown')
    return { key, job }
  }
  const isOver = (key: string): boolean => {
    const row = model.get('job', key) ?? history.job(key)
    return row === undefined || finalStates.has(row.state)
  }

  const follow = async (exchange: Exchange, key: string, job: JobName, file: JobFile): Promise<void> => {
    const { response, query, viewer } = exchange
    const giveBack = shares.take(viewer.assertion.sub)
    const left = new AbortController()
    const leave = () => left.abort()
    response.once('close', leave)
    try {
      const offset = query.has('tail')
        ? Math.max(0, file.stat.size - whole(query, 'tail', 0, file.stat.size))
        : whole(query, 'offset', 0, file.stat.size)
      response.writeHead(200, { 'content-type': textType, 'cache-control': 'no-store' })
      response.flushHeaders()
      await followLog({
        fd: file.fd,
        offset,
        response,
        over: () => isOver(key),
        allowed: () => admission.may(viewer, 'logs', job.workflow),
        signal: AbortSignal.any([left.signal, parts.signal, AbortSignal.timeout(followMayLast)]),
      })
      response.end()
    } finally {
      giveBack()
      response.off('close', leave)
    }
  }

  return [
    {
      method: 'GET',
      path: 'jobs/:job/logs',
      needs: 'logs',
      handle: async (exchange) => {
        const body: z.infer<typeof logsBody> = { files: await listJobFiles(jobRoot, jobOf(exchange).job) }
        sendJson(exchange.response, 200, body)
      },
    },
    {
      method: 'GET',
      path: 'jobs/:job/logs/:file',
      needs: 'logs',
      handle: async (exchange) => {
        const { request, response, params, query } = exchange
        const { key, job } = jobOf(exchange)
        if (!isJobFileName(params.file)) throw new SeneschalError('file.unknown')
        const file = await openJobFile(jobRoot, job, params.file)
        if (query.get('follow') !== '1' || request.method === 'HEAD')
          return sendFile(request, response, file, query.get('tail'))
        try {
          await follow(exchange, key, job, file)
        } finally {
          await closeFile(file.fd)
        }
      },
    },
  ]
}
