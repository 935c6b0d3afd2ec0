import './setup.ts'
import { render } from 'preact'
import { App } from './app.tsx'
import { Blank, Said } from './parts/states.tsx'
import { path, query, startRouter } from './router.ts'
import { resumeWanted } from './state/acting.ts'
import { asApiError } from './state/api.ts'
import { readArrival } from './state/arrival.ts'
import { startClock } from './state/clock.ts'
import { enrol, isKiosk, kioskConnect } from './state/kiosk.ts'
import { raisedPath, watchShownAgain } from './state/raising.ts'
import { loadSession } from './state/session.ts'
import { startTheme } from './state/theme.ts'

const root = document.getElementById('app')
if (root === null) throw new Error('the page has no place for the application')

/** Stands apart from all other pages: nobody is signed in there, whoever was before. */
const doorPath = '/break-glass'

/** Enrols this browser where the address says so. */
const enrolWith = async (code: string | null): Promise<boolean> => {
  if (code === null) return false
  await enrol(code)
  return true
}
const codeInAddress = () =>
  path.peek() === '/wall' ? new URLSearchParams(location.hash.slice(1)).get('enrol') : null

const start = async (place: HTMLElement, code: string | null) => {
  try {
    if (path.peek() === doorPath) {
      const { BreakGlass, takeDoorCode } = await import('./pages/break-glass.tsx')
      return render(<BreakGlass code={takeDoorCode()} />, place)
    }
    if (path.peek() === raisedPath) {
      const { Raised } = await import('./pages/raised.tsx')
      return render(<Raised code={query.peek().get('elevation')} />, place)
    }
    let kiosk = await enrolWith(code)
    if (!kiosk) {
      const state = await loadSession()
      readArrival(state.phase === 'in')
      if (state.phase === 'in') resumeWanted()
      else kiosk = path.peek() === '/wall' && (await isKiosk())
    }
    if (kiosk) await kioskConnect(1)
    render(<App kiosk={kiosk} />, place)
  } catch (thrown) {
    const error = asApiError(thrown)
    render(
      <main class="centre">
        <Blank title="This screen could not be set up" tone="bad">
          <p>
            <Said code={error.code} text={error.message} />
          </p>
          {!error.code.startsWith('kiosk.') && (
            <button type="button" class="button" onClick={() => void start(place, code)}>
              Retry
            </button>
          )}
        </Blank>
      </main>,
      place,
    )
  }
}

startTheme()
startClock()
startRouter()
watchShownAgain()
void start(root, codeInAddress())
