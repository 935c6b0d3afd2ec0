/** Access: where one is signed in and which scripts read in one's name; for administrators everybody's. */
import { Time } from '../../parts/time.tsx'
import { useTitle } from '../../parts/title.ts'
import { query, setQuery } from '../../router.ts'
import { beat } from '../../state/clock.ts'
import { viewer } from '../../state/session.ts'
import { SessionList } from './sessions.tsx'
import { TokenList } from './tokens.tsx'

/** Whether somebody is in without the identity provider. */
const Doors = () => {
  const open = viewer.value?.breakGlass?.filter(({ until }) => until > beat.value) ?? []
  return (
    <section aria-labelledby="doors">
      <header class="section-head">
        <h2 id="doors">Break-glass</h2>
      </header>
      {open.length === 0 ? (
        <p class="hint">Nobody is in with the sealed key.</p>
      ) : (
        <ul class="plain-list">
          {open.map(({ person, until }) => (
            <li key={`${person} ${until}`}>
              <strong>{person}</strong> came in without the identity provider, until <Time at={until} />; it
              is ended under Everybody’s.
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

export const Access = () => {
  useTitle('Access')
  const isAdmin = viewer.value?.roles.includes('admin') === true
  const shown = isAdmin && query.value.get('whose') === 'everybody'
  return (
    <div class="page access">
      <header class="page-head">
        <h1>Access</h1>
        <span class="hint">Where you are signed in, and which scripts read in your name.</span>
        <span class="spring" />
        {isAdmin && (
          <div class="segments" role="group" aria-label="Whose">
            <button type="button" aria-pressed={!shown} onClick={() => setQuery({ whose: null })}>
              Yours
            </button>
            <button type="button" aria-pressed={shown} onClick={() => setQuery({ whose: 'everybody' })}>
              Everybody’s
            </button>
          </div>
        )}
      </header>
      <SessionList key={`sessions ${shown}`} everybody={shown} />
      <TokenList key={`tokens ${shown}`} everybody={shown} />
      {isAdmin && <Doors />}
    </div>
  )
}
