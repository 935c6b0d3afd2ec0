/** What may be done here, read from the catalogue; what makes no sense now says why. */
import { actionOf } from '../../protocol/actions/registry.ts'
import type { Allowed } from '../../protocol/api.ts'
import type { InstanceRow, WorkflowRow } from '../../protocol/rows.ts'
import { type Offer, offers } from '../model/menu.ts'
import { whyNotTask, whyNotWorkflow } from '../model/sense.ts'
import { begin, dialog } from '../state/acting.ts'
import { type ActionTarget, nameOf } from '../state/requests.ts'
import { elevationClass } from '../state/session.ts'
import { Icon } from './glyph.tsx'
import { Popover } from './popover.tsx'

type MenuProps = {
  readonly target: ActionTarget
  readonly allowed: Allowed
  readonly instance?: InstanceRow | undefined
  readonly workflow?: WorkflowRow | undefined
  /** A button with words instead of three dots. */
  readonly words?: string
  readonly tabIndex?: number
}

const whyNot = ({ instance, workflow }: MenuProps, offer: Offer): string | undefined => {
  if (instance !== undefined) return whyNotTask(offer.name, instance)
  return workflow === undefined ? undefined : whyNotWorkflow(offer.name, workflow)
}

const Item = ({ offer, reason, run }: { offer: Offer; reason: string | undefined; run: () => void }) => (
  <button
    type="button"
    role="menuitem"
    tabIndex={-1}
    class={offer.destructive ? 'item destructive' : 'item'}
    aria-disabled={reason !== undefined}
    title={reason ?? actionOf(offer.name).effect}
    onClick={() => {
      if (reason === undefined) run()
    }}
  >
    <span class="item-label">{offer.label}</span>
    {reason !== undefined ? (
      <span class="item-note">{reason}</span>
    ) : (
      offer.raise !== undefined && (
        <span class="item-note" title={`Needs privileges raised to ${offer.raise}`}>
          <Icon name="lock" />
          <span class="sr">needs privileges raised to {offer.raise}</span>
        </span>
      )
    )}
  </button>
)

export const ActionMenu = (props: MenuProps) => {
  const { target, allowed, words } = props
  const level = target.task === undefined ? 'workflow' : 'task'
  const offered = offers(level, allowed, elevationClass.value)
  // With words there is always something to ask: why nothing is offered.
  if (offered.length === 0 && words === undefined) return null
  return (
    <Popover
      role="menu"
      label={`Actions for ${nameOf(target)}`}
      class={words === undefined ? 'icon-button' : 'button'}
      face={words ?? <Icon name="menu" />}
      tabIndex={props.tabIndex}
    >
      {(close) => (
        <>
          {offered.map((offer) => (
            <Item
              key={offer.name}
              offer={offer}
              reason={whyNot(props, offer)}
              run={() => {
                close()
                begin({ action: offer.name, target })
              }}
            />
          ))}
          {offered.length > 0 && <hr />}
          <button
            type="button"
            role="menuitem"
            tabIndex={-1}
            class="item quiet"
            onClick={() => {
              close()
              dialog.value = {
                kind: 'explain',
                account: target.account,
                workflow: target.workflow,
                action: undefined,
              }
            }}
          >
            What may I do here?
          </button>
        </>
      )}
    </Popover>
  )
}
