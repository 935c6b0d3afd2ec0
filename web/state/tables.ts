/** Rows by kind and key, kept by frames; reading is a signal that changes when the picture should. */
import { signal } from '@preact/signals'
import type { z } from 'zod/mini'
import type { Change, Put } from '../stream.ts'

export type Kinds = Readonly<Record<string, z.ZodMiniType>>
export type Tables<K extends Kinds> = { readonly [N in keyof K]: ReadonlyMap<string, z.infer<K[N]>> }

/**
 * `defer` decides when readers learn of changes, so that many of them make one new picture. A row that is not
 * what it should be is left out, never shown half-true, and counted in `unreadable`; unknown kinds are ignored.
 */
export const createTables = <K extends Kinds>(kinds: K, defer: (run: () => void) => void) => {
  // A kind is a word from outside: it is looked up in maps, where `__proto__` is a word like any other.
  const schemas = new Map(Object.entries(kinds))
  const empty = () => new Map(Object.keys(kinds).map((kind) => [kind, new Map<string, unknown>()]))
  let maps = empty()
  const tables = () => Object.fromEntries(maps) as unknown as Tables<K>
  let view = tables()
  let due = false
  const version = signal(0)
  const loaded = signal(false)
  const unreadable = signal(0)

  const changed = () => {
    if (due) return
    due = true
    defer(() => {
      due = false
      version.value += 1
    })
  }
  const put = ({ kind, key, row }: Put): number => {
    const map = maps.get(kind)
    const schema = schemas.get(kind)
    if (map === undefined || schema === undefined) return 0
    const parsed = schema.safeParse(row)
    if (parsed.success) map.set(key, parsed.data)
    else map.delete(key)
    return parsed.success ? 0 : 1
  }

  const apply = (change: Change): void => {
    if (change.reset) {
      maps = empty()
      view = tables()
    }
    let bad = 0
    for (const item of change.put) bad += put(item)
    for (const item of change.drop) maps.get(item.kind)?.delete(item.key)
    if (change.reset || bad > 0) unreadable.value = change.reset ? bad : unreadable.peek() + bad
    if (change.reset && !loaded.peek()) {
      // The first picture is not made to wait.
      loaded.value = true
      version.value += 1
    } else changed()
  }

  return {
    apply,
    /** Subscribes: call it while rendering or in a computed. */
    read: (): Tables<K> => {
      version.value
      return view
    },
    peek: (): Tables<K> => view,
    version,
    loaded,
    unreadable,
  }
}
