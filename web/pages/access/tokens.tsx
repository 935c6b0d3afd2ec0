/** Tokens of scripts: what each reads, until when, and when it was last used. */
import { useSignal } from '@preact/signals'
import { formatId } from '../../../protocol/ids.ts'
import { type TokenRow, type TokenScope, tokensBody } from '../../../protocol/script-tokens.ts'
import { Dialog } from '../../parts/dialog.tsx'
import { Refused } from '../../parts/refused.tsx'
import { Blank } from '../../parts/states.tsx'
import { Ago, Time } from '../../parts/time.tsx'
import { useAnswer } from '../../state/answer.ts'
import { elevation } from '../../state/session.ts'
import { NewTokenDialog, SecretDialog } from './new-token.tsx'

const stateWords: Readonly<Record<TokenRow['state'], string>> = {
  good: 'good',
  asleep: 'asleep: sign in again',
  expired: 'expired',
  revoked: 'revoked',
}

const targets = ({ on }: TokenScope): string =>
  on === null ? 'all that they may view' : on.map(formatId).join(', ')

const Row = ({
  one,
  everybody,
  onRevoke,
}: {
  readonly one: TokenRow
  readonly everybody: boolean
  readonly onRevoke: () => void
}) => {
  const isOver = one.state === 'expired' || one.state === 'revoked'
  return (
    <tr class={isOver ? 'over' : ''}>
      <th scope="row" title={`token:${one.token}`}>
        {one.name}
      </th>
      {everybody && <td data-label="Person">{one.person}</td>}
      <td data-label="State">{stateWords[one.state]}</td>
      <td class="wrap" data-label="Reads">
        {one.scope.reads.join(', ')} <span class="hint">of</span> {targets(one.scope)}
        {one.addresses !== null && (
          <>
            {' '}
            <span class="hint">from</span> {one.addresses.join(', ')}
          </>
        )}
      </td>
      <td data-label="Last used">
        {one.usedAt === null ? (
          'never'
        ) : (
          <>
            <Ago at={one.usedAt} /> from <code>{one.usedFrom}</code>
          </>
        )}
      </td>
      <td data-label="Ends">
        {one.state === 'revoked' ? <>by {one.revokedBy}</> : <Time at={one.expiresAt} />}
      </td>
      <td>
        {!isOver && (
          <button
            type="button"
            class="button small danger"
            aria-label={`Revoke ${one.name}`}
            onClick={onRevoke}
          >
            Revoke
          </button>
        )}
      </td>
    </tr>
  )
}

const columns = ['Name', 'State', 'Reads', 'Last used', 'Ends', ''] as const

export const TokenList = ({ everybody }: { readonly everybody: boolean }) => {
  const path = everybody ? '/api/admin/tokens' : '/api/tokens'
  const { body, failed, change, load } = useAnswer(path, tokensBody, [elevation.value?.class])
  const making = useSignal(false)
  const secret = useSignal<string | undefined>(undefined)
  const revoking = useSignal<TokenRow | undefined>(undefined)
  const rows = body.value?.tokens
  const lasts = body.value?.lasts
  const close = () => {
    revoking.value = undefined
  }
  const chosen = revoking.value
  return (
    <section aria-labelledby="tokens">
      <header class="section-head">
        <h2 id="tokens">{everybody ? 'Everybody’s tokens' : 'Your tokens for scripts'}</h2>
        <span class="spring" />
        {!everybody && (
          <button
            type="button"
            class="button primary"
            disabled={lasts === undefined}
            onClick={() => (making.value = true)}
          >
            New token
          </button>
        )}
      </header>
      <Refused error={failed.value} />
      {rows === undefined && failed.value === undefined && <Blank title="Loading tokens" busy />}
      {rows?.length === 0 && (
        <Blank title={everybody ? 'Nobody has a token' : 'No token yet'}>
          <p class="hint">A token reads for a script, within its scope and your rights, until its end.</p>
        </Blank>
      )}
      {rows !== undefined && rows.length > 0 && (
        <div class="table-frame">
          <table class="cards">
            <thead>
              <tr>
                {columns
                  .flatMap((label) => (everybody && label === 'State' ? ['Person', label] : [label]))
                  .map((label) => (
                    <th key={label} scope="col">
                      {label}
                    </th>
                  ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((one) => (
                <Row
                  key={one.token}
                  one={one}
                  everybody={everybody}
                  onRevoke={() => {
                    revoking.value = one
                  }}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {making.value && lasts !== undefined && (
        <NewTokenDialog
          lasts={lasts}
          onClose={() => (making.value = false)}
          onMade={(made) => {
            making.value = false
            secret.value = made
            void load()
          }}
        />
      )}
      {secret.value !== undefined && (
        <SecretDialog secret={secret.value} onClose={() => (secret.value = undefined)} />
      )}
      {chosen !== undefined && (
        <Dialog
          title={`Revoke ${chosen.name}?`}
          tone="danger"
          onClose={close}
          onSubmit={() => {
            close()
            void change('DELETE', `${path}/${encodeURIComponent(chosen.token)}`)
          }}
          actions={
            <>
              <button type="button" class="button" onClick={close}>
                Cancel
              </button>
              <button type="submit" class="button danger">
                Revoke
              </button>
            </>
          }
        >
          <p>Scripts that use it are refused at once, and its sockets close. It cannot be taken back.</p>
        </Dialog>
      )}
    </section>
  )
}
