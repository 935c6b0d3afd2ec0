/** A job's state: the glyph of the task state that it leads to. */
import type { JobRow, TaskState } from '../../protocol/rows.ts'
import { Glyph } from './glyph.tsx'

const asTask: Readonly<Record<JobRow['state'], TaskState>> = {
  preparing: 'preparing',
  submitted: 'submitted',
  running: 'running',
  succeeded: 'succeeded',
  failed: 'failed',
  'submit-failed': 'submit-failed',
  killed: 'failed',
  lost: 'submit-failed',
}

export const JobGlyph = ({ state }: { readonly state: JobRow['state'] }) => <Glyph state={asTask[state]} />

export const isActiveJob = (state: JobRow['state']): boolean =>
  state === 'preparing' || state === 'submitted' || state === 'running'
