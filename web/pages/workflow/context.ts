/** What the tabs of one workflow's page share. */

import type { Allowed } from '../../../protocol/api.ts'
import type { InstanceRow, WorkflowRow } from '../../../protocol/rows.ts'
import { taskStates } from '../../../protocol/rows.ts'
import type { StateFilter } from '../../model/filter.ts'
import { matchesStates, textFilter } from '../../model/filter.ts'
import { cycleLabel } from '../../model/order.ts'
import { query } from '../../router.ts'
import type { LiveWorkflow } from '../../state/workflow.ts'

export type WorkflowContext = {
  readonly account: string
  readonly workflow: string
  readonly live: LiveWorkflow
  readonly row: WorkflowRow | undefined
  readonly allowed: Allowed
}

const filterStates: readonly StateFilter[] = [...taskStates, 'held', 'late']

export const stateFilter = (): ReadonlySet<StateFilter> => {
  const asked = new Set((query.value.get('state') ?? '').split(','))
  return new Set(filterStates.filter((state) => asked.has(state)))
}

/** The instance filter in the address; families count as part of a task's name. */
export const instanceFilter = (live: LiveWorkflow) => {
  const text = query.value.get('q') ?? ''
  const states = stateFilter()
  const matches = textFilter(text)
  const { task } = live.tables.read()
  return {
    filtering: text.trim() !== '' || states.size > 0,
    matches: (row: InstanceRow): boolean =>
      matchesStates(row, states) &&
      (text === '' ||
        matches(
          `${row.cycle}/${row.task} ${(task.get(`${row.workflow}//${row.task}`)?.families ?? []).join(' ')} ${cycleLabel(row.cycle)}`,
        )),
  }
}

/** Filters of tree and table go with one from view to view, and into the address of a task. */
export const keptQuery = (): string => {
  const kept = new URLSearchParams()
  for (const key of ['q', 'state']) {
    const value = query.value.get(key)
    if (value !== null) kept.set(key, value)
  }
  return kept.size === 0 ? '' : `?${kept}`
}
