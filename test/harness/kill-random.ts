/** Chance that can be repeated: the same seed, the same choices. */
export type Chance = {
  /** In [0, 1). */
  readonly next: () => number
  readonly between: (least: number, most: number) => number
  readonly pick: <T>(from: readonly T[]) => T
}

/** Mulberry32: small, and good enough to choose whom to kill. */
export const createChance = (seed: number): Chance => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    next,
    between: (least, most) => least + next() * (most - least),
    pick: (from) => {
      if (from.length === 0) throw new RangeError('nothing to choose from')
      return from[Math.floor(next() * from.length)] as (typeof from)[number]
    },
  }
}

export const shuffled = <T>(all: readonly T[], chance: Chance): readonly T[] =>
  all
    .map((one) => ({ one, place: chance.next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ one }) => one)

/** From the environment, to repeat a run, or a new one. */
export const seedOf = (env: Readonly<Record<string, string | undefined>>): number => {
  const given = Number(env.SENESCHAL_KILL_SEED)
  return Number.isInteger(given) && given > 0 ? given : Date.now() % 2 ** 31
}
