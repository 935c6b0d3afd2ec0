/** Which page is shown: by the address, and by who looks. */
import { useEffect } from 'preact/hooks'
import { AccountPage } from './pages/account.tsx'
import { Home } from './pages/home.tsx'
import { Missing } from './pages/missing.tsx'
import { SignIn } from './pages/sign-in.tsx'
import { Wall } from './pages/wall.tsx'
import { lazyPage } from './parts/lazy.tsx'
import { Shell } from './parts/shell.tsx'
import { Blank, Said } from './parts/states.tsx'
import { route } from './router.ts'
import type { ApiError } from './state/api.ts'
import { kioskConnect } from './state/kiosk.ts'
import { loadSession, session, viewer } from './state/session.ts'
import { nudgeSite, openSite, openSiteForPerson, sitePhase } from './state/site.ts'

/** The first page is the one everybody waits for; these come when they are asked for. */
const Access = lazyPage(async () => (await import('./pages/access/page.tsx')).Access)
const Audit = lazyPage(async () => (await import('./pages/audit.tsx')).Audit)
const Locks = lazyPage(async () => (await import('./pages/locks.tsx')).Locks)
const Kiosks = lazyPage(async () => (await import('./pages/kiosks.tsx')).Kiosks)
const PermissionsPage = lazyPage(async () => (await import('./pages/permissions.tsx')).PermissionsPage)
const ServersPage = lazyPage(async () => (await import('./pages/servers/page.tsx')).ServersPage)
const WorkflowPage = lazyPage(async () => (await import('./pages/workflow/page.tsx')).WorkflowPage)

const Page = () => {
  const at = route.value
  if (at === undefined) return <Missing />
  switch (at.name) {
    case 'home':
      return <Home />
    case 'account':
      return <AccountPage account={at.params.account} />
    case 'permissions':
      return <PermissionsPage account={at.params.account} workflow={null} />
    case 'workflowPermissions':
      return <PermissionsPage {...at.params} />
    case 'audit':
      return <Audit />
    case 'access':
      return <Access />
    case 'locks':
      return <Locks />
    case 'servers':
      return <ServersPage />
    case 'kiosks':
      return <Kiosks />
    case 'wall':
      return <Wall />
    default:
      return <WorkflowPage route={at} />
  }
}

const SignedIn = () => {
  useEffect(() => openSiteForPerson(), [])
  if (route.value?.name === 'wall') return <Wall />
  return (
    <Shell>
      <Page />
    </Shell>
  )
}

/** Between the end of a kiosk's session and its next try, ms. */
const kioskPause = 5_000
/** Between the tries of a kiosk that was refused: nobody may come by to touch its screen, ms. */
const refusedPause = 3 * 60_000

const Kiosk = () => {
  useEffect(() => {
    // A kiosk whose session ended signs the next nonce; it has nobody to ask.
    const close = openSite(kioskConnect, () => setTimeout(nudgeSite, kioskPause))
    const again = setInterval(() => {
      if (sitePhase.peek().phase === 'forbidden') nudgeSite()
    }, refusedPause)
    return () => {
      clearInterval(again)
      close()
    }
  }, [])
  return <Wall />
}

/** How often a hub that does not know who I am is asked again, ms. */
const brokenPause = 3_000

const Broken = ({ error }: { readonly error: ApiError }) => {
  useEffect(() => {
    const timer = setInterval(() => void loadSession(), brokenPause)
    return () => clearInterval(timer)
  }, [])
  return (
    <main class="centre">
      <Blank title="The hub does not answer as it should" tone="bad">
        <p>
          <Said code={error.code} text={error.message} />
        </p>
        <p class="hint">It is asked again every few seconds; nobody was signed out.</p>
        <button type="button" class="button" onClick={() => void loadSession()}>
          Retry
        </button>
      </Blank>
    </main>
  )
}

export const App = ({ kiosk }: { readonly kiosk: boolean }) => {
  const state = session.value
  if (kiosk || viewer.value?.kiosk != null) return <Kiosk />
  switch (state.phase) {
    case 'loading':
      return <Blank title="Loading" busy />
    case 'out':
      return <SignIn ended={state.ended} />
    case 'broken':
      return <Broken error={state.error} />
    case 'in':
      return <SignedIn />
  }
}
