/** A page whose script is fetched when it is first shown. */
import { signal } from '@preact/signals'
import type { FunctionComponent } from 'preact'
import { useEffect } from 'preact/hooks'
import { Blank } from './states.tsx'

export const lazyPage = <Props extends object>(
  load: () => Promise<FunctionComponent<Props>>,
): FunctionComponent<Props> => {
  const loaded = signal<FunctionComponent<Props> | undefined>(undefined)
  const failed = signal(false)
  const fetchIt = () => {
    failed.value = false
    load().then(
      (page) => {
        loaded.value = page
      },
      () => {
        failed.value = true
      },
    )
  }
  return (props) => {
    useEffect(() => {
      if (loaded.peek() === undefined) fetchIt()
    }, [])
    const Loaded = loaded.value
    if (Loaded !== undefined) return <Loaded {...props} />
    if (!failed.value) return <Blank title="Loading" busy />
    return (
      <Blank title="This page could not be loaded" tone="bad">
        <p>The connection was lost, or the site was renewed meanwhile.</p>
        <button type="button" class="button" onClick={() => location.reload()}>
          Reload
        </button>
      </Blank>
    )
  }
}
