/** Workflows of one account as lines with counts, the same on the home page and on the account's own. */
import type { SummaryRow } from '../../protocol/rows.ts'
import { cycleSpan } from '../model/order.ts'
import { pathOf } from '../routes.ts'
import { allowedOn } from '../state/site.ts'
import { ActionMenu } from './action-menu.tsx'
import { CountBar, CountColumns, Marks } from './counts.tsx'
import { FlowGlyph } from './glyph.tsx'
import { Outcome } from './outcome.tsx'
import { Ago, None } from './time.tsx'

const WorkflowLine = ({ row }: { readonly row: SummaryRow }) => {
  const { account, workflow } = row
  return (
    <li class="workflow-line" data-workflow={workflow} data-state={row.state}>
      <a class="workflow-link" href={pathOf('tree', { account, workflow })}>
        <FlowGlyph state={row.state} />
        <span class="workflow-name">
          <span class="sr">
            {account}/{workflow}
          </span>
          <strong aria-hidden="true">{workflow}</strong>
          {row.meta.title !== undefined && <small>{row.meta.title}</small>}
        </span>
        <span class={`flow-state flow-${row.state}`}>
          {row.state}
          {row.held && row.state !== 'paused' && ' · held'}
        </span>
        <span class="workflow-cycles figure" title="Oldest and newest active cycle">
          {row.cycles === null ? <None /> : cycleSpan(row.cycles.first, row.cycles.last)}
        </span>
        <span class="workflow-counts">
          <CountColumns counts={row.counts} />
          <CountBar counts={row.counts} />
        </span>
        <Marks counts={row.counts} />
        <span class="workflow-age">
          <span class="sr">changed </span>
          <Ago at={row.at} />
        </span>
      </a>
      <span class="workflow-actions">
        <Outcome target={{ account, workflow }} />
        <ActionMenu target={{ account, workflow }} allowed={allowedOn(account, workflow)} workflow={row} />
      </span>
      {(row.stall ?? row.problem) !== null && <p class="workflow-why">{row.stall ?? row.problem}</p>}
    </li>
  )
}

type ListProps = {
  readonly rows: readonly SummaryRow[]
  /** The rows are as they were when their daemon was last heard of. */
  readonly stale: boolean
  readonly label: string
}

export const WorkflowList = ({ rows, stale, label }: ListProps) => (
  <ul class={stale ? 'workflow-list stale' : 'workflow-list'} aria-label={label}>
    {rows.map((row) => (
      <WorkflowLine key={row.workflow} row={row} />
    ))}
  </ul>
)
