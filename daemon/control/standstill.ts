/** What does not start at the moment, and why. Part of the daemon's state, so pure: the files are read elsewhere. */
import type { MaintenanceWindow, Rest } from '../../protocol/maintenance.ts'

export type Announced = { readonly window: MaintenanceWindow; readonly began: boolean }

export type Standstill = {
  /** Nothing new starts until somebody resumes. */
  drained: boolean
  /** Those that are over are gone from here. */
  readonly windows: Map<string, Announced>
}

export const createStandstill = (): Standstill => ({ drained: false, windows: new Map() })

export type StoredStandstill = { readonly drained: boolean; readonly windows: readonly Announced[] }
export const storeStandstill = ({ drained, windows }: Standstill): StoredStandstill => ({
  drained,
  windows: [...windows.values()],
})
export const restoreStandstill = (standstill: Standstill, { drained, windows }: StoredStandstill): void => {
  standstill.drained = drained
  for (const one of windows) standstill.windows.set(one.window.id, one)
}

/** Whose work it is. `runner` undefined: whatever runs it. */
export type Place = {
  readonly account: string
  readonly host: string | null
  readonly runner?: string | undefined
}

const covers = ({ scope, name }: MaintenanceWindow, { account, host, runner }: Place): boolean => {
  switch (scope) {
    case 'site':
      return true
    case 'host':
      return name === host
    case 'runner':
      return name === runner
    case 'account':
      return name === account
  }
}

/** Whether something new may start there now. */
export const mayBegin = ({ drained, windows }: Standstill, place: Place): boolean =>
  !drained && ![...windows.values()].some(({ window, began }) => began && covers(window, place))

/** What the account's row says; windows of runners too, because some of its tasks may use them. */
export const restsOf = (standstill: Standstill, place: Omit<Place, 'runner'>): readonly Rest[] => [
  ...(standstill.drained ? [{ scope: 'drain' as const, name: null, until: null, reason: null }] : []),
  ...[...standstill.windows.values()].flatMap(({ window, began }) => {
    const { scope, name, until, reason } = window
    return began && (scope === 'runner' || covers(window, place)) ? [{ scope, name, until, reason }] : []
  }),
]

export type StandstillChange =
  | { readonly kind: 'drain'; readonly on: boolean }
  | {
      readonly kind: 'maintenance'
      readonly what: 'announced' | 'began' | 'ended'
      readonly window: MaintenanceWindow
    }

export const applyChange = (standstill: Standstill, change: StandstillChange): void => {
  if (change.kind === 'drain') standstill.drained = change.on
  else if (change.what === 'ended') standstill.windows.delete(change.window.id)
  else standstill.windows.set(change.window.id, { window: change.window, began: change.what === 'began' })
}

/** From what is to what is asked for at this time. The same question again has no answer: nothing changes. */
export const changesTo = (
  standstill: Standstill,
  asked: { readonly drained: boolean; readonly windows: readonly MaintenanceWindow[] },
  now: number,
): readonly StandstillChange[] => {
  const wanted = new Map(
    asked.windows.filter(({ until }) => until > now).map((window) => [window.id, window]),
  )
  const over = [...standstill.windows.values()].filter(({ window }) => !wanted.has(window.id))
  return [
    ...(asked.drained === standstill.drained ? [] : [{ kind: 'drain' as const, on: asked.drained }]),
    ...over.map(({ window }) => ({ kind: 'maintenance' as const, what: 'ended' as const, window })),
    ...[...wanted.values()].flatMap((window) => {
      const known = standstill.windows.get(window.id)
      const news = [
        ...(known === undefined ? (['announced'] as const) : []),
        ...(known?.began !== true && window.from <= now ? (['began'] as const) : []),
      ]
      return news.map((what) => ({ kind: 'maintenance' as const, what, window }))
    }),
  ]
}

/** As people say it: `host n01`. */
export const nameOfWindow = ({ scope, name }: Pick<MaintenanceWindow, 'scope' | 'name'>): string =>
  name === null ? `the ${scope}` : `${scope} ${name}`
