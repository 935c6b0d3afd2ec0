/** The address bar as a signal; links and `navigate` change it without loading a page. */
import { computed, signal } from '@preact/signals'
import { matchRoute, pagePath, viewPath } from './routes.ts'

type Place = { readonly path: string; readonly search: string }

let moved = false
const place = signal<Place>({ path: '/', search: '' })

export const path = computed(() => place.value.path)
export const route = computed(() => matchRoute(place.value.path))
export const query = computed(() => new URLSearchParams(place.value.search))
/** Which page is shown: it changes when one goes elsewhere, not when one looks at another side of the same thing. */
export const page = computed(() => (route.value === undefined ? path.value : pagePath(route.value)))
/** Whether the page was reached from another one, and not by loading it. */
export const cameFromElsewhere = (): boolean => moved
/** Where we are, as it is given to the identity provider to come back to. */
export const here = (): string => place.peek().path + place.peek().search

const view = computed(() => (route.value === undefined ? path.value : viewPath(route.value)))

const readPlace = () => {
  place.value = { path: location.pathname, search: location.search }
}

export const navigate = (to: string, options: { readonly replace?: boolean } = {}): void => {
  if (to === here()) return
  const before = view.peek()
  if (options.replace === true) history.replaceState(history.state, '', to)
  else history.pushState(null, '', to)
  moved = true
  readPlace()
  if (view.peek() !== before && options.replace !== true) window.scrollTo(0, 0)
}

/** Changes some parameters of the query in place; null takes one away. Filters are not steps to go back through. */
export const setQuery = (changes: Readonly<Record<string, string | null>>): void => {
  const next = new URLSearchParams(place.peek().search)
  for (const [key, value] of Object.entries(changes)) {
    if (value === null || value === '') next.delete(key)
    else next.set(key, value)
  }
  const text = next.toString()
  navigate(place.peek().path + (text === '' ? '' : `?${text}`), { replace: true })
}

const ourLink = (event: MouseEvent): HTMLAnchorElement | undefined => {
  if (event.defaultPrevented || event.button !== 0) return undefined
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return undefined
  const link = event.target instanceof Element ? event.target.closest('a') : null
  if (link === null || link.target !== '' || link.hasAttribute('download')) return undefined
  if (link.origin !== location.origin || matchRoute(link.pathname) === undefined) return undefined
  // A place on this page is the browser's to go to.
  if (link.hash !== '' && link.pathname + link.search === location.pathname + location.search)
    return undefined
  return link
}

export const startRouter = (): void => {
  readPlace()
  addEventListener('popstate', () => {
    moved = true
    readPlace()
  })
  document.addEventListener('click', (event) => {
    const link = ourLink(event)
    if (link === undefined) return
    event.preventDefault()
    navigate(link.pathname + link.search)
  })
}
