/** The frame around every page of a signed-in person. */
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import type { DaemonRow } from '../../protocol/rows.ts'
import { age } from '../model/time.ts'
import { cameFromElsewhere, page } from '../router.ts'
import { slowBeat } from '../state/clock.ts'
import { elevationClass, viewer } from '../state/session.ts'
import {
  daemonTitle,
  daemonTroubles,
  isUnrecorded,
  nudgeSite,
  silentDaemons,
  siteHeardAt,
  sitePhase,
  wasHeard,
} from '../state/site.ts'
import { ActionDialogs } from './action-dialogs.tsx'
import { Connection } from './connection.tsx'
import { Header } from './header.tsx'
import { Corner } from './notices.tsx'
import { RestBanners } from './rests.tsx'
import { Banner, Said } from './states.tsx'
import { Time } from './time.tsx'

const Silent = ({ row }: { readonly row: DaemonRow }) => (
  <Banner tone="bad">
    <span>
      {wasHeard(row)
        ? `The daemon ${row.daemon} has been silent for ${age(slowBeat.value - row.at)}. What it runs is shown as it was then`
        : `The daemon ${row.daemon} has not been heard of yet. What it runs is not shown`}
      ; actions wait for it, or are refused. <code>daemon.silent</code>
    </span>
  </Banner>
)

const Daemons = () => (
  <>
    {silentDaemons.value.map((row) => (
      <Silent key={row.daemon} row={row} />
    ))}
    {daemonTroubles.value.map(({ daemon, code }) => (
      <Banner key={`${daemon} ${code}`} tone={code === 'config.refused' ? 'warn' : 'bad'}>
        <span>
          {daemonTitle(daemon)}
          <Said code={code} />
        </span>
      </Banner>
    ))}
  </>
)

const Unrecorded = () =>
  isUnrecorded.value ? (
    <Banner tone="bad">
      Nothing can be recorded, so nothing may be done, except stop, hold, kill, pause and drain. Reading goes
      on. Whoever runs this site sees why in the hub's log; it ends by itself when records can be written
      again. <code>audit.unwritable</code>
    </Banner>
  ) : null

/** Sessions that began with the sealed key: one's own, and for administrators everybody's. */
const Doors = () => {
  const open = viewer.value?.breakGlass?.filter(({ until }) => until > slowBeat.value) ?? []
  return (
    <>
      {open.map(({ person, until, own }) => (
        <Banner key={`${person} ${until}`} tone="warn">
          <span>
            {own
              ? 'You came in without the identity provider; all that you do is marked.'
              : `${person} came in with the sealed key, without the identity provider.`}{' '}
            Until <Time at={until} />.
          </span>
        </Banner>
      ))}
    </>
  )
}

/** Whoever goes to another page is at its beginning, and not on a link that may be gone. */
const useMainFocus = () => {
  const main = useRef<HTMLElement>(null)
  useLayoutEffect(() => {
    if (cameFromElsewhere()) main.current?.focus({ preventScroll: true })
  }, [page.value])
  return main
}

export const Shell = ({ children }: { readonly children: ComponentChildren }) => {
  const main = useMainFocus()
  return (
    <div class={`shell ${elevationClass.value === undefined ? '' : `raised raised-${elevationClass.value}`}`}>
      <a class="skip" href="#content">
        Skip to content
      </a>
      <Header />
      <Connection phase={sitePhase.value} heardAt={siteHeardAt.value} what="the hub" onRetry={nudgeSite} />
      <Doors />
      <Unrecorded />
      <Daemons />
      <RestBanners />
      <main id="content" ref={main} tabIndex={-1}>
        {children}
      </main>
      <Corner />
      <ActionDialogs />
      {elevationClass.value !== undefined && <div class="frame" aria-hidden="true" />}
    </div>
  )
}
