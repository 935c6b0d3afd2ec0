/** How many tiles fit on a screen so that each can be read from five metres. */

export type Grid = { readonly columns: number; readonly rows: number; readonly pages: number }

/** Smallest tile where the tiles have 1900 × 960 of a screen: what is smaller cannot be read from afar. */
const smallest = { width: 300, height: 152 }
const reference = { width: 1900, height: 960 }

export const wallGrid = (tiles: number, width: number, height: number): Grid => {
  // A larger screen hangs farther away, a small one is held in the hand.
  const scale = Math.max(0.55, Math.min(width / reference.width, height / reference.height))
  const mostColumns = Math.max(1, Math.floor(width / (smallest.width * scale)))
  const mostRows = Math.max(1, Math.floor(height / (smallest.height * scale)))
  const capacity = mostColumns * mostRows
  const pages = Math.max(1, Math.ceil(tiles / capacity))
  const perPage = Math.max(1, Math.ceil(tiles / pages))
  let best = { columns: mostColumns, rows: mostRows, pages }
  let bestScore = Number.NEGATIVE_INFINITY
  for (let columns = 1; columns <= mostColumns; columns += 1) {
    const rows = Math.ceil(perPage / columns)
    if (rows > mostRows) continue
    const ratio = width / columns / (height / rows)
    // About two to one suits a name above its counts; empty places are the smaller evil.
    const score = -Math.abs(Math.log(ratio / 2.1)) - (columns * rows - perPage) / (columns * rows)
    if (score > bestScore) {
      bestScore = score
      best = { columns, rows, pages }
    }
  }
  return best
}

export const pageOf = <T>(items: readonly T[], grid: Grid, page: number): readonly T[] => {
  const size = grid.columns * grid.rows
  const start = (page % grid.pages) * size
  return items.slice(start, start + size)
}
