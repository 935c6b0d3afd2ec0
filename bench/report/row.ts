/** What a row of the bench is, and what it reports. */
import { median, ratios } from './statistics.ts'

export type Unit = '/s' | 'MB/s' | 'ms' | 'µs' | 'kB' | 'MB' | ''

export type Budget = { readonly text: string; readonly met: boolean }

/** One figure of one contestant: a value per round. */
export type Figure = {
  readonly what: string
  readonly who: string
  readonly unit: Unit
  readonly rounds: readonly number[]
  /** Ours divided by this one, round by round; only on a peer's figure. */
  readonly ratio?: readonly number[]
  /** Of the ratio where there is one, else of the figure. */
  readonly budget?: Budget
}

export type Report = {
  readonly figures: readonly Figure[]
  /** What a reader must know to read them, such as a peer that could not be had. */
  readonly notes: readonly string[]
}

export type Bench = {
  readonly quick: boolean
  /** How often the contestants take turns. */
  readonly rounds: number
  /** Where hubs and daemons leave a CPU profile each when they end. */
  readonly profile?: string
  /** Progress, on stderr. */
  readonly say: (line: string) => void
  /** Done in reverse order when the row is over, however it ends. */
  readonly defer: (work: () => unknown) => void
}

export type Row = {
  readonly name: string
  readonly title: string
  readonly run: (bench: Bench) => Promise<Report>
}

/** Ours first, then each peer with the ratio to it. */
export const against = (
  figure: {
    readonly what: string
    readonly unit: Unit
    readonly who: string
    readonly rounds: readonly number[]
  },
  peers: readonly {
    readonly who: string
    readonly rounds: readonly number[]
    /** Of the median ratio ours ÷ theirs. */
    readonly budget?: { readonly text: string; readonly holds: (ratio: number) => boolean }
  }[],
): readonly Figure[] => [
  figure,
  ...peers.map(({ who, rounds, budget }) => {
    const ratio = ratios(figure.rounds, rounds)
    const judged =
      budget === undefined ? {} : { budget: { text: budget.text, met: budget.holds(median(ratio)) } }
    return { what: figure.what, unit: figure.unit, who, rounds, ratio, ...judged }
  }),
]

/** A figure with a budget of its own, judged by its median. */
export const judged = (
  figure: Omit<Figure, 'budget' | 'ratio'>,
  text: string,
  holds: (value: number) => boolean,
): Figure => ({ ...figure, budget: { text, met: holds(median(figure.rounds)) } })
