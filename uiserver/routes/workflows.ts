/** Workflows of the account that somebody may view: their rows, graph and definition. */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { z } from 'zod/mini'
import { errnoOf } from '../../durable/files.ts'
import { mayEver } from '../../policy/allowed.ts'
import type { graphBody, sourceBody, WorkflowBody, workflowsBody } from '../../protocol/api.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import type { WorkflowRow } from '../../protocol/rows.ts'
import { sendJson, type Viewer } from '../exchange.ts'
import type { Model } from '../model.ts'
import { createSight, type Permissions } from '../permissions.ts'
import type { Route } from '../router.ts'

export type WorkflowParts = {
  readonly account: string
  /** Definitions as the daemon publishes them: `<workflow>.yaml`. */
  readonly sources: string
  readonly model: Model
  readonly permissions: Permissions
}

const largestSource = 1024 * 1024

const readSource = async (dir: string, workflow: string): Promise<z.infer<typeof sourceBody>> => {
  const name = `${workflow}.yaml`
  try {
    await using file = await open(join(dir, name), constants.O_RDONLY | constants.O_NOFOLLOW)
    const { size, mtimeMs } = await file.stat()
    if (size > largestSource) throw new SeneschalError('input.too-large')
    return { file: name, text: await file.readFile('utf8'), at: mtimeMs }
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') throw new SeneschalError('file.unknown')
    throw thrown
  }
}

/** Tasks and arrows, from the rows: it is what the browser has anyway, for those who have no socket. */
const graphOf = (model: Model, workflow: string): z.infer<typeof graphBody> => {
  const tasks = [...model.rows('task', workflow)]
  return {
    nodes: tasks.map(({ task, families }) => ({ task, families })),
    edges: tasks.flatMap(({ task, after }) =>
      after.map(({ task: from, output, offset }) => ({ from, to: task, output, offset })),
    ),
  }
}

export const workflowRoutes = (parts: WorkflowParts): readonly Route[] => {
  const { account, model, permissions } = parts

  const present = (row: WorkflowRow, { who }: Viewer): WorkflowBody => {
    const snapshot = permissions.snapshot()
    return {
      workflow: row,
      allowed: snapshot === undefined ? {} : mayEver(snapshot, who, account, row.workflow),
    }
  }
  const rowOf = (workflow: string | undefined): WorkflowRow => {
    const row = workflow === undefined ? undefined : model.get('workflow', workflow)
    if (row === undefined) throw new SeneschalError('workflow.unknown')
    return row
  }

  return [
    {
      method: 'GET',
      path: 'workflows',
      needs: 'each',
      handle: ({ response, viewer }) => {
        const sees = createSight(permissions.snapshot(), viewer.who, account)
        const visible = [...model.workflows()].filter(({ workflow }) => sees(workflow))
        const body: z.infer<typeof workflowsBody> = {
          workflows: visible.map((row) => present(row, viewer)),
        }
        sendJson(response, 200, body)
      },
    },
    {
      method: 'GET',
      path: 'workflows/:workflow',
      needs: 'view',
      handle: ({ response, params, viewer }) =>
        sendJson(response, 200, present(rowOf(params.workflow), viewer)),
    },
    {
      method: 'GET',
      path: 'workflows/:workflow/graph',
      needs: 'view',
      handle: ({ response, params }) =>
        sendJson(response, 200, graphOf(model, rowOf(params.workflow).workflow)),
    },
    {
      method: 'GET',
      path: 'workflows/:workflow/source',
      needs: 'source',
      handle: async ({ response, params }) =>
        sendJson(response, 200, await readSource(parts.sources, rowOf(params.workflow).workflow)),
    },
  ]
}
