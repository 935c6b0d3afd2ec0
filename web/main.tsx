import './setup.ts'
import { render } from 'preact'
import { App } from './app.tsx'
import { Blank } from './parts/states.tsx'
import { path, startRouter } from './router.ts'
import { resumeWanted } from './state/acting.ts'
import { asApiError } from './state/api.ts'
import { readArrival } from './state/arrival.ts'
import { startClock } from './state/clock.ts'
import { enrol, isKiosk, kioskConnect } from './state/kiosk.ts'
import { loadSession } from './state/session.ts'
import { startTheme } from './state/theme.ts'

const root = document.getElementById('app')
if (root === null) throw new Error('the page has no place for the application')

/** Enrols this browser where the address says so; the code is not tried twice. */
const enrolFromAddress = async (): Promise<boolean> => {
  const code = path.peek() === '/wall' ? new URLSearchParams(location.hash.slice(1)).get('enrol') : null
  if (code === null) return false
  await enrol(code)
  return true
}

const start = async (place: HTMLElement) => {
  startTheme()
  startClock()
  startRouter()
  try {
    let kiosk = await enrolFromAddress()
    if (!kiosk) {
      const state = await loadSession()
      readArrival(state.phase === 'in')
      if (state.phase === 'in') resumeWanted()
      else kiosk = path.peek() === '/wall' && (await isKiosk())
    }
    if (kiosk) await kioskConnect(1)
    render(<App kiosk={kiosk} />, place)
  } catch (thrown) {
    render(
      <main class="centre">
        <Blank title="This screen could not be set up" tone="bad">
          <p>{asApiError(thrown).message}</p>
        </Blank>
      </main>,
      place,
    )
  }
}

void start(root)
