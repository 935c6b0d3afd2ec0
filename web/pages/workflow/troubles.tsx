/** What is wrong with a workflow, and what to do about it. */
import type { WorkflowRow } from '../../../protocol/rows.ts'
import { workflowSeverity } from '../../model/attention.ts'
import { Banner } from '../../parts/states.tsx'
import type { WorkflowContext } from './context.ts'

const isAddress = (text: string) => /^https?:\/\//.test(text)

/** What to do and whom to call, where something is wrong. */
const Help = ({ row }: { readonly row: WorkflowRow }) => {
  const { runbook, contact, priority } = row.meta
  if (workflowSeverity(row) > 0 || (runbook === undefined && contact === undefined)) return null
  return (
    <div class="help" role="note" aria-label="What to do">
      {runbook !== undefined && (
        <span>
          <b>Runbook</b>{' '}
          {isAddress(runbook) ? (
            <a class="link" href={runbook} target="_blank" rel="noreferrer">
              {runbook}
            </a>
          ) : (
            runbook
          )}
        </span>
      )}
      {contact !== undefined && (
        <span>
          <b>Contact</b> {contact}
        </span>
      )}
      {priority !== undefined && (
        <span>
          <b>Priority</b> {priority}
        </span>
      )}
    </div>
  )
}

export const Troubles = ({ context }: { readonly context: WorkflowContext }) => {
  const { row, live } = context
  const unreadable = live.tables.unreadable.value
  return (
    <>
      {row?.stall != null && (
        <Banner tone="bad">
          <strong>Stalled.</strong> {row.stall}
        </Banner>
      )}
      {row?.problem != null && (
        <Banner tone="bad">
          <strong>The changed definition was refused;</strong> the one before it stays in force.{' '}
          <code>{row.problem}</code>
        </Banner>
      )}
      {row?.warnings !== undefined && (
        <Banner tone="warn">
          <strong>The definition is in force, and may not say what was meant.</strong>
          {row.warnings.map((warning) => (
            <div key={warning}>
              <code>{warning}</code>
            </div>
          ))}
        </Banner>
      )}
      {row !== undefined && <Help row={row} />}
      {unreadable > 0 && (
        <Banner tone="warn">
          {unreadable === 1 ? 'One row is' : `${unreadable} rows are`} not what this page understands and left
          out. Reload the page.
        </Banner>
      )}
    </>
  )
}
