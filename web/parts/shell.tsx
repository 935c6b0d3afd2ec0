/** The frame around every page of a signed-in person. */
import type { ComponentChildren } from 'preact'
import { ago } from '../model/time.ts'
import { slowBeat } from '../state/clock.ts'
import { elevationClass } from '../state/session.ts'
import { nudgeSite, silentDaemons, siteHeardAt, sitePhase } from '../state/site.ts'
import { ActionDialogs } from './action-dialogs.tsx'
import { Connection } from './connection.tsx'
import { Header } from './header.tsx'
import { Corner } from './notices.tsx'
import { Banner } from './states.tsx'

const Silent = () => {
  const silent = silentDaemons.value
  if (silent.length === 0) return null
  return (
    <Banner tone="bad">
      {silent
        .map((row) => `The daemon ${row.daemon} was last heard of ${ago(slowBeat.value - row.at)}`)
        .join('. ')}
      . What it runs is shown as it was then, and actions are refused.
    </Banner>
  )
}

export const Shell = ({ children }: { readonly children: ComponentChildren }) => (
  <div class={`shell ${elevationClass.value === undefined ? '' : `raised raised-${elevationClass.value}`}`}>
    <a class="skip" href="#content">
      Skip to content
    </a>
    <Header />
    <Connection phase={sitePhase.value} heardAt={siteHeardAt.value} what="the hub" onRetry={nudgeSite} />
    <Silent />
    <main id="content" tabIndex={-1}>
      {children}
    </main>
    <Corner />
    <ActionDialogs />
    {elevationClass.value !== undefined && <div class="frame" aria-hidden="true" />}
  </div>
)
