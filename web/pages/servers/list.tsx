/** The list of UI servers: start, stop, and what they wrote themselves. */
import { useSignal } from '@preact/signals'
import type { ServersBody } from '../../../protocol/fleet.ts'
import { bytes, counted } from '../../model/units.ts'
import { Dialog } from '../../parts/dialog.tsx'
import { SearchField } from '../../parts/search-field.tsx'
import { ServerMark } from '../../parts/server-state.tsx'
import { Blank, Said } from '../../parts/states.tsx'
import { Elapsed, None } from '../../parts/time.tsx'
import { query, setQuery } from '../../router.ts'
import { pathOf } from '../../routes.ts'
import type { Asked } from '../../state/answer.ts'
import { LogDialog } from './log.tsx'

type One = ServersBody['servers'][number]

const columns = ['Account', 'State', 'Host', 'For', 'Memory', 'Viewers', 'Version', ''] as const

/** Whom it names is little by little too long for a table. */
const most = 3
const Viewers = ({ names }: { readonly names: readonly string[] }) => {
  if (names.length === 0) return <None />
  const more = names.length - most
  return (
    <span title={names.join(', ')}>
      {names.slice(0, most).join(', ')}
      {more > 0 && ` and ${more} more`}
    </span>
  )
}

const isUp = ({ row }: One): boolean => row.state === 'on' || row.state === 'starting'

const Row = ({
  one,
  onStart,
  onStop,
  onLog,
}: {
  readonly one: One
  readonly onStart: () => void
  readonly onStop: () => void
  readonly onLog: () => void
}) => {
  const { row, found, viewers } = one
  return (
    <tr>
      <th scope="row">
        <a href={pathOf('account', { account: row.account })}>{row.account}</a>
      </th>
      <td data-label="State" class="wrap">
        <ServerMark row={row} bare />
        {row.code !== null && <Said code={row.code} text={row.reason ?? undefined} />}
      </td>
      <td data-label="Host">{row.host === null ? <None /> : row.host}</td>
      <td data-label="For">
        <Elapsed since={row.since} until={null} />
      </td>
      <td data-label="Memory" class="figure">
        {row.state !== 'on' || found?.memory == null ? <None /> : bytes(found.memory)}
      </td>
      <td data-label="Viewers">
        <Viewers names={viewers} />
      </td>
      <td data-label="Version">
        {row.state !== 'on' || found === null ? <None /> : found.version}
        {row.version !== null && (
          <span class="tag warn" title="Replaced as soon as nobody looks.">
            not the hub’s
          </span>
        )}
      </td>
      <td>
        <span class="row-actions">
          <button type="button" class="button small" aria-label={`Log of ${row.account}`} onClick={onLog}>
            Log
          </button>
          {isUp(one) ? (
            <button type="button" class="button small" aria-label={`Stop ${row.account}`} onClick={onStop}>
              Stop
            </button>
          ) : (
            <button
              type="button"
              class="button small"
              aria-label={`Start ${row.account}`}
              disabled={row.state === 'stopping'}
              onClick={onStart}
            >
              Start
            </button>
          )}
        </span>
      </td>
    </tr>
  )
}

const isFound = (one: One, words: string): boolean =>
  [one.row.account, one.row.host ?? '', one.row.state, ...one.viewers].some((text) =>
    text.toLowerCase().includes(words),
  )

export const ServerList = ({
  body,
  asked,
}: {
  readonly body: ServersBody
  readonly asked: Pick<Asked<ServersBody>, 'change'>
}) => {
  const stopping = useSignal<One | undefined>(undefined)
  const reading = useSignal<string | undefined>(undefined)
  const words = query.value.get('find') ?? ''
  const shown = body.servers.filter((one) => isFound(one, words.trim().toLowerCase()))
  const up = body.servers.filter(isUp)
  const memory = up.reduce((sum, { found }) => sum + (found?.memory ?? 0), 0)
  const chosen = stopping.value
  const close = () => {
    stopping.value = undefined
  }
  const at = (account: string) => encodeURIComponent(account)
  return (
    <section aria-labelledby="servers">
      <header class="section-head">
        <h2 id="servers">UI servers</h2>
        <span class="hint">
          {up.length} up{memory > 0 && `, ${bytes(memory)} together`}
        </span>
        <span class="spring" />
        {body.servers.length > 0 && (
          <SearchField
            label="Account, host, viewer"
            value={words}
            onChange={(text) => setQuery({ find: text })}
          />
        )}
      </header>
      {body.servers.length === 0 && (
        <Blank title="No server was asked for yet">
          <p class="hint">An account’s server starts when somebody opens the account.</p>
        </Blank>
      )}
      {body.servers.length > 0 && shown.length === 0 && <Blank title="None is like that" />}
      {shown.length > 0 && (
        <div class="table-frame">
          <table class="cards">
            <thead>
              <tr>
                {columns.map((label) => (
                  <th key={label} scope="col">
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {shown.map((one) => (
                <Row
                  key={one.row.account}
                  one={one}
                  onStart={() => void asked.change('POST', `/api/admin/servers/${at(one.row.account)}`)}
                  onStop={() => {
                    stopping.value = one
                  }}
                  onLog={() => {
                    reading.value = one.row.account
                  }}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {reading.value !== undefined && (
        <LogDialog
          account={reading.value}
          onClose={() => {
            reading.value = undefined
          }}
        />
      )}
      {chosen !== undefined && (
        <Dialog
          title={`Stop the server of ${chosen.row.account}?`}
          onClose={close}
          onSubmit={() => {
            close()
            void asked.change('DELETE', `/api/accounts/${at(chosen.row.account)}/server`)
          }}
          actions={
            <>
              <button type="button" class="button" onClick={close}>
                Cancel
              </button>
              <button type="submit" class="button danger">
                Stop
              </button>
            </>
          }
        >
          <p>
            {chosen.viewers.length === 0
              ? 'Nobody looks at it.'
              : `${counted(chosen.viewers.length, 'viewer')} (${chosen.viewers.join(', ')}): their pages stay and say that it is off; it starts again as soon as one of them does something.`}{' '}
            Jobs and workflows are not touched.
          </p>
        </Dialog>
      )}
    </section>
  )
}
