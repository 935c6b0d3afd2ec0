/** The jobs of months, by page. */
import type { z } from 'zod/mini'
import type { jobsBody } from '../../protocol/api.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { cyclePoint, taskName, workflowName } from '../../protocol/ids.ts'
import { jobRow } from '../../protocol/rows.ts'
import { optional, sendJson, whole } from '../exchange.ts'
import type { History } from '../history.ts'
import type { Model } from '../model.ts'
import { createSight, type Permissions } from '../permissions.ts'
import type { Route } from '../router.ts'

export type JobsParts = {
  readonly account: string
  readonly model: Model
  readonly history: History
  readonly permissions: Permissions
}

const jobState = jobRow.def.innerType.shape.state
const pageSize = 50
const largestPage = 500

export const jobRoutes = ({ account, model, history, permissions }: JobsParts): readonly Route[] => [
  {
    method: 'GET',
    path: 'jobs',
    needs: 'each',
    handle: ({ response, query, viewer }) => {
      const wanted = optional(query, 'workflow', workflowName)
      const sees = createSight(permissions.snapshot(), viewer.who, account)
      const visible = [...model.workflows()].map(({ workflow }) => workflow).filter(sees)
      const workflows = wanted === undefined ? visible : visible.filter((name) => name === wanted)
      if (wanted !== undefined && workflows.length === 0) throw new SeneschalError('workflow.unknown')
      const page = history.jobs({
        workflows,
        cycle: optional(query, 'cycle', cyclePoint),
        task: optional(query, 'task', taskName),
        state: optional(query, 'state', jobState),
        before: query.get('before') ?? undefined,
        limit: Math.max(1, whole(query, 'limit', pageSize, largestPage)),
      })
      if (page === undefined) throw new SeneschalError('input.invalid', 'before is not a cursor.')
      const body: z.infer<typeof jobsBody> = page
      sendJson(response, 200, body)
    },
  },
]
