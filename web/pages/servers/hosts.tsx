/** The hosts among which servers are spread: how loaded they were, and taking one out of service. */
import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useMemo } from 'preact/hooks'
import type { HostsBody, HostsRow } from '../../../protocol/fleet.ts'
import { inWords, timesOf } from '../../model/curves.ts'
import { bytes, counted, percent } from '../../model/units.ts'
import { Plot } from '../../parts/plot.tsx'
import { Blank, Said } from '../../parts/states.tsx'
import { Ago, Time } from '../../parts/time.tsx'
import type { Asked } from '../../state/answer.ts'
import { CondemnDialog, EmptyDialog } from './emptying.tsx'

/** What an administrator is about to do with a host. */
type Doing = { readonly what: 'condemn' | 'empty'; readonly host: HostsRow }

const Measured = ({ host }: { readonly host: HostsRow }) => {
  const { measured, servers } = host
  if (measured === null)
    return <p class="hint">{counted(servers, 'server')} of this hub. Not measured yet.</p>
  const { load, cores, memory, at } = measured
  return (
    <p class="hint figure">
      {counted(servers, 'server')} of this hub. Load {load[0].toFixed(2)} on {counted(cores, 'core')},{' '}
      {bytes(memory.total - memory.available)} of {bytes(memory.total)} in use; <Ago at={at} />.
    </p>
  )
}

const Tag = ({
  warn = false,
  children,
}: {
  readonly warn?: boolean
  readonly children: ComponentChildren
}) => <span class={warn ? 'tag warn' : 'tag'}>{children}</span>

const Condemned = ({ host }: { readonly host: HostsRow }) => {
  const { condemned } = host
  if (condemned === null) return null
  return (
    <p class="host-note">
      {condemned.by === null ? (
        'Condemned in the hub’s configuration: no server starts here.'
      ) : (
        <>
          Condemned by {condemned.by}
          {condemned.at !== null && (
            <>
              , <Time at={condemned.at} />
            </>
          )}
          {condemned.reason !== null && `: ${condemned.reason}`}
        </>
      )}
    </p>
  )
}

const Migration = ({ host }: { readonly host: HostsRow }) => {
  const { migration } = host
  if (migration === null) return null
  const { moved, left, code } = migration
  return (
    <p class="host-note" role="status">
      {counted(moved, 'server')} moved{left > 0 && `, ${left} to go`}.
      {code !== null && (
        <>
          {' '}
          It stopped: <Said code={code} />
        </>
      )}
    </p>
  )
}

const Curves = ({ host, now }: { readonly host: HostsRow; readonly now: number }) => {
  const { history } = host
  const times = useMemo(
    () => timesOf(history.load.length, history.every, now),
    [history.load.length, history.every, now],
  )
  const curves = useMemo(
    () => [
      { label: 'load', values: history.load, colour: '--running' as const },
      { label: 'memory', values: history.memory, colour: '--submit-failed' as const, dashed: true },
    ],
    [history],
  )
  const [load, memory] = [inWords(history.load), inWords(history.memory)]
  if (load === undefined && memory === undefined) return <p class="plot none">Nothing was measured yet.</p>
  const hours = Math.round((history.load.length * history.every) / 3_600_000)
  return (
    <>
      <Plot
        label={`${host.host} over ${counted(hours, 'hour')}: load of its cores ${load ?? 'unknown'}; memory ${memory ?? 'unknown'}`}
        times={times}
        curves={curves}
        format={percent}
      />
      <p class="plot-key hint" aria-hidden="true">
        <span class="key-load">load of its cores</span> <span class="key-memory">memory in use</span>
      </p>
    </>
  )
}

const Host = ({
  host,
  now,
  onDo,
  onRestore,
}: {
  readonly host: HostsRow
  readonly now: number
  readonly onDo: (what: Doing['what']) => void
  readonly onRestore: () => void
}) => {
  const isDown = host.downUntil !== null && host.downUntil > now
  const { condemned } = host
  return (
    <article class={condemned === null ? 'host' : 'host condemned'} aria-label={`Host ${host.host}`}>
      <header>
        <h3>{host.host}</h3>
        {condemned !== null && <Tag warn>condemned</Tag>}
        {host.locked && <Tag warn>locked</Tag>}
        {isDown && <Tag warn>does not answer</Tag>}
        {host.labels.map((label) => (
          <Tag key={label}>{label}</Tag>
        ))}
        <span class="spring" />
        <span class="row-actions">
          {condemned === null ? (
            <button type="button" class="button small" onClick={() => onDo('condemn')}>
              Condemn<span class="sr"> {host.host}</span>
            </button>
          ) : (
            <>
              <button
                type="button"
                class="button small"
                disabled={host.servers === 0}
                onClick={() => onDo('empty')}
              >
                Move servers<span class="sr"> away from {host.host}</span>
              </button>
              {condemned.by !== null && (
                <button type="button" class="button small" onClick={onRestore}>
                  Restore<span class="sr"> {host.host}</span>
                </button>
              )}
            </>
          )}
        </span>
      </header>
      <Condemned host={host} />
      <Migration host={host} />
      {host.left > 0 && (
        <p class="host-note">
          {counted(host.left, 'server')} left behind when it fell silent: ended as soon as it answers.
        </p>
      )}
      <Measured host={host} />
      <Curves host={host} now={now} />
    </article>
  )
}

const pathTo = (host: string, what: 'condemned' | 'migrate'): string =>
  `/api/admin/hosts/${encodeURIComponent(host)}/${what}`

export const HostList = ({ body, asked }: { readonly body: HostsBody; readonly asked: Asked<HostsBody> }) => {
  const doing = useSignal<Doing | undefined>(undefined)
  const close = () => {
    doing.value = undefined
  }
  const chosen = doing.value
  const after = () => {
    close()
    void asked.load()
  }
  return (
    <section aria-labelledby="hosts">
      <header class="section-head">
        <h2 id="hosts">Hosts</h2>
        <span class="hint">
          A condemned one takes no new servers; those that run go on until they are moved.
        </span>
      </header>
      {body.hosts.length === 0 && (
        <Blank title="There is nothing to choose among">
          <p class="hint">This hub’s spawner starts servers at one place only.</p>
        </Blank>
      )}
      <div class="hosts">
        {body.hosts.map((host) => (
          <Host
            key={host.host}
            host={host}
            now={body.now}
            onDo={(what) => {
              doing.value = { what, host }
            }}
            onRestore={() => void asked.change('DELETE', pathTo(host.host, 'condemned'))}
          />
        ))}
      </div>
      {chosen?.what === 'condemn' && (
        <CondemnDialog
          host={chosen.host}
          path={pathTo(chosen.host.host, 'condemned')}
          onClose={close}
          onDone={after}
        />
      )}
      {chosen?.what === 'empty' && (
        <EmptyDialog
          host={chosen.host}
          path={pathTo(chosen.host.host, 'migrate')}
          onClose={close}
          onDone={after}
        />
      )}
    </section>
  )
}
