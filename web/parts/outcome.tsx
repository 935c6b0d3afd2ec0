/** What became of my latest request on this row: it spins, then says so, then fades. */
import { actionOf } from '../../protocol/actions/registry.ts'
import { type ActionTarget, latest, outcomeWords, targetKey } from '../state/requests.ts'
import { Icon } from './glyph.tsx'
import { Spinner } from './states.tsx'

export const Outcome = ({ target }: { readonly target: ActionTarget }) => {
  const sent = latest.value.get(targetKey(target))
  if (sent === undefined) return null
  const { label } = actionOf(sent.action)
  const pending = sent.state === 'sending' || sent.state === 'waiting'
  const tone = pending ? 'pending' : sent.state === 'done' ? 'good' : 'bad'
  return (
    <span class={`outcome tone-${tone}`} title={sent.reason} data-outcome={sent.state}>
      {pending ? <Spinner /> : <Icon name={sent.state === 'done' ? 'check' : 'close'} />}
      <span class="outcome-text">{pending ? `${label} …` : `${label}: ${outcomeWords[sent.state]}`}</span>
      {!pending && sent.state !== 'done' && sent.reason !== undefined && (
        <span class="outcome-reason">{sent.reason}</span>
      )}
    </span>
  )
}
