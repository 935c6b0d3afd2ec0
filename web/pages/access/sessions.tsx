/** Where somebody is signed in: each session ends at a press, or all but this one. */
import { useSignal } from '@preact/signals'
import { isBreakGlass } from '../../../protocol/script-tokens.ts'
import { type SessionRow, sessionsBody } from '../../../protocol/sessions.ts'
import { deviceName } from '../../model/device.ts'
import { Dialog } from '../../parts/dialog.tsx'
import { Refused } from '../../parts/refused.tsx'
import { Blank } from '../../parts/states.tsx'
import { Ago, None, Time } from '../../parts/time.tsx'
import { useAnswer } from '../../state/answer.ts'
import { beat } from '../../state/clock.ts'
import { elevation } from '../../state/session.ts'

const Row = ({
  one,
  everybody,
  onEnd,
}: {
  readonly one: SessionRow
  readonly everybody: boolean
  readonly onEnd: () => void
}) => {
  const held = one.elevation !== null && one.elevation.until > beat.value ? one.elevation : null
  const name = deviceName(one.device)
  return (
    <tr>
      <th scope="row" title={one.device ?? undefined}>
        {name}
        {one.own && <span class="tag">this one</span>}
        {isBreakGlass(one.session) && <span class="tag warn">sealed key</span>}
      </th>
      {everybody && <td data-label="Person">{one.person}</td>}
      <td data-label="Address">
        <code>{one.address ?? 'unknown'}</code>
      </td>
      <td data-label="Signed in">
        <Time at={one.since} />
      </td>
      <td data-label="Last seen">
        <Ago at={one.seenAt} />
      </td>
      <td data-label="Raised">
        {held === null ? (
          <None />
        ) : (
          <>
            {held.class} until <Time at={held.until} />
          </>
        )}
      </td>
      <td data-label="Ends">
        <Time at={one.expiresAt} />
      </td>
      <td>
        {!one.own && (
          <button
            type="button"
            class="button small danger"
            aria-label={`End ${name}${everybody ? ` of ${one.person}` : ''}`}
            onClick={onEnd}
          >
            End
          </button>
        )}
      </td>
    </tr>
  )
}

const columns = ['Device', 'Address', 'Signed in', 'Last seen', 'Raised', 'Ends', ''] as const

export const SessionList = ({ everybody }: { readonly everybody: boolean }) => {
  const path = everybody ? '/api/admin/sessions' : '/api/sessions'
  const { body, failed, change } = useAnswer(path, sessionsBody, [elevation.value?.class])
  const ending = useSignal<SessionRow | 'others' | undefined>(undefined)
  const rows = body.value?.sessions
  const others = rows?.filter(({ own }) => !own).length ?? 0
  const close = () => {
    ending.value = undefined
  }
  const end = async (which: SessionRow | 'others') => {
    close()
    await change('DELETE', which === 'others' ? path : `${path}/${encodeURIComponent(which.session)}`)
  }
  const chosen = ending.value
  return (
    <section aria-labelledby="sessions">
      <header class="section-head">
        <h2 id="sessions">{everybody ? 'Everybody’s sessions' : 'Your sessions'}</h2>
        <span class="spring" />
        {!everybody && others > 0 && (
          <button type="button" class="button" onClick={() => (ending.value = 'others')}>
            End all others
          </button>
        )}
      </header>
      <Refused error={failed.value} />
      {rows === undefined && failed.value === undefined && <Blank title="Loading sessions" busy />}
      {rows !== undefined && (
        <div class="table-frame">
          <table class="cards">
            <thead>
              <tr>
                {columns
                  .flatMap((label) => (everybody && label === 'Address' ? ['Person', label] : [label]))
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
                  key={one.session}
                  one={one}
                  everybody={everybody}
                  onEnd={() => {
                    ending.value = one
                  }}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {chosen !== undefined && (
        <Dialog
          title={
            chosen === 'others'
              ? `End ${others === 1 ? 'the other session' : `${others} other sessions`}?`
              : `End ${deviceName(chosen.device)}${everybody ? ` of ${chosen.person}` : ''}?`
          }
          tone="danger"
          onClose={close}
          onSubmit={() => void end(chosen)}
          actions={
            <>
              <button type="button" class="button" onClick={close}>
                Cancel
              </button>
              <button type="submit" class="button danger">
                End
              </button>
            </>
          }
        >
          <p>
            Its pages close at once, and whoever sits there has to sign in again. Tokens of scripts go on:
            they are revoked one by one.
          </p>
        </Dialog>
      )}
    </section>
  )
}
