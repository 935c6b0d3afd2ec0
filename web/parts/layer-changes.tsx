/** Who would gain and lose what, as a table; the signs say it without the colours. */
import type { LayerChange, LayerPreview } from '../../protocol/layers.ts'
import type { PermissionAction } from '../../protocol/permissions.ts'
import { shortened, whoseWords } from '../model/layers.ts'

const Actions = ({
  actions,
  sign,
}: {
  readonly actions: readonly PermissionAction[]
  readonly sign: '+' | '−'
}) =>
  actions.length === 0 ? (
    <span class="none" aria-hidden="true">
      –
    </span>
  ) : (
    <span class={sign === '+' ? 'gains' : 'loses'}>
      <b aria-hidden="true">{sign} </b>
      {shortened(actions).join(', ')}
    </span>
  )

const whereWords = (account: string, workflow: LayerChange['workflow']): string =>
  workflow ?? `${account} and what has no rules of its own`

export const LayerChanges = ({
  account,
  preview,
}: {
  readonly account: string
  readonly preview: LayerPreview
}) => {
  const { changes, more } = preview
  if (changes.length === 0) return <p class="hint">Nobody gains or loses anything.</p>
  return (
    <>
      <div class="table-frame">
        <table>
          <thead>
            <tr>
              {['Who', 'Where', 'Gains', 'Loses'].map((label) => (
                <th key={label} scope="col">
                  {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {changes.map((change) => (
              <tr key={`${change.who} ${change.workflow ?? ''}`}>
                <th scope="row">{whoseWords(change.who)}</th>
                <td>{whereWords(account, change.workflow)}</td>
                {change.gains.length + change.loses.length === 0 ? (
                  <td colSpan={2}>keeps what it has</td>
                ) : (
                  <>
                    <td>
                      <Actions actions={change.gains} sign="+" />
                    </td>
                    <td>
                      <Actions actions={change.loses} sign="−" />
                    </td>
                  </>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {more > 0 && <p class="hint">There may be up to {more} more.</p>}
      <p class="hint">
        Owners are left out: no rules of an account or a workflow take anything from them. Of persons, those
        are told who signed in here lately.
      </p>
    </>
  )
}
