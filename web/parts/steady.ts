/** Rows that keep their place while somebody is in the middle of them. */
import { useRef } from 'preact/hooks'
import { keepPlaces } from '../model/order.ts'

/** The items in the order to show, and the handlers that tell whether a pointer or the focus is within. */
export const useSteady = <T>(wanted: readonly T[], keyOf: (item: T) => string, reason = '') => {
  const within = useRef(false)
  const shown = useRef<{ keys: readonly string[]; reason: string }>({ keys: [], reason })
  const items =
    within.current && shown.current.reason === reason
      ? keepPlaces(shown.current.keys, wanted, keyOf)
      : [...wanted]
  shown.current = { keys: items.map(keyOf), reason }
  const set = (value: boolean) => () => {
    within.current = value
  }
  return {
    items,
    handlers: {
      onPointerEnter: set(true),
      onPointerLeave: set(false),
      onFocusIn: set(true),
      onFocusOut: set(false),
    },
  }
}
