/** Where a window comes back to in which privileges were raised beside a page: it closes, or says why they were not. */
import { useEffect } from 'preact/hooks'
import { Mark } from '../parts/glyph.tsx'
import { Banner, Said } from '../parts/states.tsx'
import { useTitle } from '../parts/title.ts'

export const Raised = ({ code }: { readonly code: string | null }) => {
  useTitle(code === null ? 'Raised' : 'Not raised')
  useEffect(() => {
    if (code === null) window.close()
  }, [])
  return (
    <main class="centre">
      <section class="card sign-in" aria-labelledby="raised-title">
        <Mark />
        <h1 id="raised-title">
          {code === null ? 'Your privileges are raised' : 'Privileges were not raised'}
        </h1>
        {code !== null && (
          <Banner tone="bad">
            <Said code={code} />
          </Banner>
        )}
        <p>You can close this window and go on where you were.</p>
      </section>
    </main>
  )
}
