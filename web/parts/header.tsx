/** The bar on top of every page: where to go, what happened, which privileges are held and for how long. */
import { computed, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { countdown } from '../model/time.ts'
import { route } from '../router.ts'
import { pathOf } from '../routes.ts'
import { dialog, forgetWanted } from '../state/acting.ts'
import { asApiError } from '../state/api.ts'
import { beat } from '../state/clock.ts'
import { notices, notify, seenUntil, unseen } from '../state/notices.ts'
import { api, checking, elevation, loadSession, signOut, viewer } from '../state/session.ts'
import { cycleTheme, theme } from '../state/theme.ts'
import { Icon, Mark } from './glyph.tsx'
import { NoticeBody } from './notices.tsx'
import { Popover } from './popover.tsx'

/** What is no workflow's. */
const apart: ReadonlySet<string> = new Set(['access', 'audit', 'kiosks', 'locks', 'servers', 'wall'])
const section = computed(() => {
  const name = route.value?.name
  return name !== undefined && apart.has(name) ? name : 'home'
})

const NavLink = ({ to, is, children }: { to: string; is: string; children: string }) => (
  <a href={to} aria-current={section.value === is ? 'page' : undefined}>
    {children}
  </a>
)

const fail = (thrown: unknown) => {
  const error = asApiError(thrown)
  notify('bad', 'That did not work', error.message, { code: error.code })
}

const drop = () => api.change('DELETE', '/auth/elevation').then(() => loadSession(), fail)

/** Read-only, or raised with the time left by the hub's clock. */
const Privileges = () => {
  const held = elevation.value
  const before = useSignal<string | undefined>(undefined)
  const dropping = useSignal(false)
  useEffect(() => {
    if (checking.peek()) return
    const known = before.peek()
    before.value = held?.class
    if (known === undefined || held !== undefined) return
    if (!dropping.peek())
      notify('plain', 'Your raised privileges have ended', 'You are back to read-only; everything goes on.')
    dropping.value = false
    void loadSession()
  }, [held === undefined, checking.value])

  if (held === undefined) {
    return (
      <button
        type="button"
        class="button privileges"
        title="Raise privileges: you will sign in again"
        onClick={() => {
          dialog.value = { kind: 'raise', class: 'execute', wanted: undefined }
        }}
      >
        <Icon name="lock" />
        <span>
          <span class="wide-only">Read-only · </span>Raise
        </span>
      </button>
    )
  }
  return (
    <span class="privileges raised" role="group" aria-label={`Privileges raised to ${held.class}`}>
      <Icon name="unlock" />
      <strong>{held.class}</strong>
      <span class="figure" role="timer" aria-label="Time left">
        {countdown(held.until - beat.value)}
      </span>
      <button
        type="button"
        class="button small"
        onClick={() => {
          dropping.value = true
          void drop()
        }}
      >
        <span>
          Drop<span class="wide-only"> now</span>
        </span>
      </button>
    </span>
  )
}

const Notifications = () => (
  <Popover
    label={unseen.value === 0 ? 'Notifications' : `Notifications, ${unseen.value} new`}
    class="icon-button"
    face={
      <>
        <Icon name="bell" />
        {unseen.value > 0 && <span class="dot figure">{Math.min(unseen.value, 99)}</span>}
      </>
    }
    onOpen={() => {
      seenUntil.value = notices.peek()[0]?.id ?? 0
    }}
  >
    {() => (
      <div class="notice-list">
        <h2>Notifications</h2>
        {notices.value.length === 0 ? (
          <p class="hint">What becomes of your actions is listed here.</p>
        ) : (
          <ol>
            {notices.value.map((notice) => (
              <li key={notice.id}>
                <NoticeBody notice={notice} timed />
              </li>
            ))}
          </ol>
        )}
      </div>
    )}
  </Popover>
)

const themeWords = { system: 'as the system has it', light: 'light', dark: 'dark' } as const

const Person = () => {
  const body = viewer.value
  if (body === undefined) return null
  return (
    <Popover label={`Signed in as ${body.person}`} class="icon-button" face={<Icon name="person" />}>
      {(close) => (
        <div class="person">
          <strong>{body.name}</strong>
          <code>{body.person}</code>
          {body.roles.length > 0 && <small>{body.roles.join(', ')}</small>}
          {body.groups.length > 0 && <small class="groups">{body.groups.join(' · ')}</small>}
          <small>Seneschal {body.site.version}</small>
          <a class="button" href={pathOf('access', {})} onClick={close}>
            Sessions and tokens
          </a>
          <button
            type="button"
            class="button"
            onClick={() => {
              close()
              forgetWanted()
              signOut().catch(fail)
            }}
          >
            Sign out
          </button>
        </div>
      )}
    </Popover>
  )
}

export const Header = () => {
  const body = viewer.value
  return (
    <header class="header">
      <a class="brand" href={pathOf('home', {})} aria-label="Home">
        <Mark />
        <span class="wide-only">{body?.site.title ?? 'Seneschal'}</span>
      </a>
      {body?.site.demo === true && (
        <span class="demo" title="Invented people and workflows; passwords equal the names.">
          demonstration
        </span>
      )}
      <nav aria-label="Pages">
        <NavLink to={pathOf('home', {})} is="home">
          Workflows
        </NavLink>
        <NavLink to={pathOf('audit', {})} is="audit">
          Audit
        </NavLink>
        <NavLink to={pathOf('wall', {})} is="wall">
          Wall
        </NavLink>
        {body?.roles.includes('admin') === true && (
          <>
            <NavLink to={pathOf('servers', {})} is="servers">
              Servers
            </NavLink>
            <NavLink to={pathOf('locks', {})} is="locks">
              Locks
            </NavLink>
            <NavLink to={pathOf('kiosks', {})} is="kiosks">
              Kiosks
            </NavLink>
          </>
        )}
      </nav>
      <span class="spring" />
      {body !== undefined && body.kiosk === null && (
        <>
          <Privileges />
          <Notifications />
        </>
      )}
      <button
        type="button"
        class="icon-button"
        aria-label={`Colours: ${themeWords[theme.value]}`}
        title={`Colours: ${themeWords[theme.value]}`}
        onClick={cycleTheme}
      >
        <Icon name={theme.value} />
      </button>
      <Person />
    </header>
  )
}
