/**
 * Whether an action makes sense at the moment, as a hint in menus. The daemon decides; what it would surely
 * refuse is greyed out with the reason instead of being sent.
 */
import type { ActionName } from '../../protocol/actions/registry.ts'
import type { InstanceRow, WorkflowRow } from '../../protocol/rows.ts'

const isActive = (row: InstanceRow) =>
  row.state === 'preparing' || row.state === 'submitted' || row.state === 'running'

/** A sentence why not; undefined where it makes sense. */
export const whyNotTask = (action: ActionName, row: InstanceRow): string | undefined => {
  switch (action) {
    case 'hold':
      return row.held ? 'It is held already.' : undefined
    case 'release':
      return row.held ? undefined : 'It is not held.'
    case 'start':
    case 'trigger':
      return isActive(row) ? `It is ${row.state} already.` : undefined
    case 'stop':
      if (row.stopped) return 'It is stopped already.'
      return isActive(row) || row.state === 'waiting' ? undefined : 'It has ended.'
    case 'kill':
    case 'poll':
      return isActive(row) ? undefined : 'It has no job now.'
    case 'remove':
      return isActive(row) ? 'Kill its job first.' : undefined
    default:
      return undefined
  }
}

export const whyNotWorkflow = (action: ActionName, row: WorkflowRow): string | undefined => {
  switch (action) {
    case 'play':
      return row.state === 'stopped' || row.state === 'paused' ? undefined : `It is ${row.state}.`
    case 'pause':
      return row.state === 'running' || row.state === 'stalled' ? undefined : `It is ${row.state}.`
    case 'resume':
      return row.state === 'paused' ? undefined : 'It is not paused.'
    case 'stop':
      return row.state === 'stopped' ? 'It is stopped already.' : undefined
    case 'hold':
      return row.held ? 'It is held already.' : undefined
    case 'release':
      return row.held || row.counts.held > 0 ? undefined : 'Nothing is held.'
    default:
      return undefined
  }
}
