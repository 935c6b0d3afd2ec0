/** Names in a directory that may hold a hundred thousand, listed and sorted in turns between which others get theirs. */
import { opendir } from 'node:fs/promises'

/** Names of one turn: a few milliseconds. */
const perTurn = 2048
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const mergeInTurns = async (a: readonly string[], b: readonly string[]): Promise<readonly string[]> => {
  const merged: string[] = []
  let [ofA, ofB] = [0, 0]
  for (;;) {
    const [x, y] = [a[ofA], b[ofB]]
    if (x !== undefined && (y === undefined || x <= y)) {
      merged.push(x)
      ofA += 1
    } else if (y !== undefined) {
      merged.push(y)
      ofB += 1
    } else return merged
    if (merged.length % perTurn === 0) await turn()
  }
}

/** Those names that are wanted, sorted; and how many there are in all. */
export const listInTurns = async (
  dir: string,
  isWanted: (name: string) => boolean = () => true,
): Promise<{ readonly names: readonly string[]; readonly total: number }> => {
  let names: string[] = []
  let total = 0
  /** Sorted each. */
  const runs: (readonly string[])[] = []
  for await (const { name } of await opendir(dir, { bufferSize: 256 })) {
    total += 1
    if (isWanted(name)) names.push(name)
    if (names.length < perTurn) continue
    runs.push(names.sort())
    names = []
    await turn()
  }
  runs.push(names.sort())
  for (;;) {
    const [a = [], b] = runs.splice(0, 2)
    if (b === undefined) return { names: a, total }
    runs.push(await mergeInTurns(a, b))
  }
}
