/** A few pieces of work at once, begun in order. What fails first is what is thrown, once all have come to an end. */
import { filesAtOnce } from './sink.ts'

export type Lanes = {
  /** Resolves when it has begun; rejects where something before it failed. */
  readonly run: (work: () => Promise<void>) => Promise<void>
  /** Resolves when all are through. */
  readonly settle: () => Promise<void>
}

export const createLanes = (most: number): Lanes => {
  const running = new Set<Promise<void>>()
  const failures: unknown[] = []
  const mustGoOn = (): void => {
    if (failures.length > 0) throw failures[0]
  }
  return {
    run: async (work) => {
      while (running.size >= most) await Promise.race(running)
      mustGoOn()
      const mine: Promise<void> = work()
        .catch((thrown: unknown) => void failures.push(thrown))
        .finally(() => running.delete(mine))
      running.add(mine)
    },
    settle: async () => {
      await Promise.all(running)
      mustGoOn()
    },
  }
}

/** Runs `walk`, which begins work in lanes, and ends when all of that has; nothing is left behind by a failure. */
export const inLanes = async (walk: (lanes: Lanes) => Promise<void>): Promise<void> => {
  const lanes = createLanes(filesAtOnce)
  try {
    await walk(lanes)
  } catch (thrown) {
    await lanes.settle().catch(() => undefined)
    throw thrown
  }
  await lanes.settle()
}
