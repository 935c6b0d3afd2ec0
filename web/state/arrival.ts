/** What the hub says in the address when it sends the browser back from the identity provider. */
import { signal } from '@preact/signals'
import { query, setQuery } from '../router.ts'
import { sentenceOf } from './api.ts'
import { notify } from './notices.ts'

/** Why the sign-in did not succeed, as a code, for the page of those who are not signed in. */
export const signInProblem = signal<string | undefined>(undefined)

/** Takes the codes out of the address, so that they are neither kept nor shared, and tells them. */
export const readArrival = (signedIn: boolean): void => {
  const { signin, elevation } = Object.fromEntries(query.peek())
  if (signin === undefined && elevation === undefined) return
  setQuery({ signin: null, elevation: null })
  const code = signin ?? elevation
  if (!signedIn) signInProblem.value = code
  else {
    const what = elevation === undefined ? 'That sign-in did not succeed' : 'Privileges were not raised'
    notify('bad', what, sentenceOf(code), { code })
  }
}
