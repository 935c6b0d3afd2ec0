import { useEffect } from 'preact/hooks'

/** The title of the tab: what is shown, then whose. */
export const useTitle = (title: string): void => {
  useEffect(() => {
    document.title = `${title} · Seneschal`
  }, [title])
}
