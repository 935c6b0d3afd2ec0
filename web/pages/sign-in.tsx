/** What somebody sees who is not signed in: one sentence, one button. */
import { Mark } from '../parts/glyph.tsx'
import { Banner, Said } from '../parts/states.tsx'
import { here } from '../router.ts'
import { signInProblem } from '../state/arrival.ts'
import { signInLink } from '../state/session.ts'

export const SignIn = ({ ended }: { readonly ended: boolean }) => (
  <main class="centre">
    <section class="card sign-in" aria-labelledby="sign-in-title">
      <Mark />
      <h1 id="sign-in-title">Seneschal</h1>
      <p>Watch workflows, and act on them where you are allowed to.</p>
      {ended && <Banner tone="plain">Your session has ended. Sign in to go on where you were.</Banner>}
      {signInProblem.value !== undefined && (
        <Banner tone="bad">
          <Said code={signInProblem.value} />
        </Banner>
      )}
      <a class="button primary large" href={signInLink(here())}>
        {signInProblem.value === undefined ? 'Sign in' : 'Try again'}
      </a>
    </section>
  </main>
)
