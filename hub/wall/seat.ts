/** One viewer of the wall: what was sent, what may be, and what to do when it cannot keep up. */
import { closeCodes } from '../../protocol/frames.ts'
import type { Viewer } from '../context.ts'
import type { WallRow } from './rows.ts'

export type WallSocket = {
  /** One text message, JSON. */
  readonly send: (text: string) => void
  /** Bytes that were sent and not yet taken. */
  readonly buffered: () => number
  readonly close: (code: number) => void
}

export type Seat = {
  readonly viewer: () => Viewer
  /** The same one with other rights; what it may see is for the next reset to say. */
  readonly become: (viewer: Viewer) => void
  readonly close: (code: number) => void
  readonly hello: (frame: string) => void
  /** Everything that may be seen, as of `seq`. */
  readonly reset: (seq: number, rows: Iterable<WallRow>) => void
  /**
   * What of the changed rows may be seen, up to `seq`. `rows` of ids that are gone are undefined. Nothing is sent
   * where nothing of it may be seen: the next delta then reaches further back.
   */
  readonly delta: (seq: number, changed: ReadonlyMap<string, WallRow | undefined>) => void
  /** A sign of life, if nothing else was sent. */
  readonly tick: (now: number) => void
}

/** Beyond this, besides one reset, a reader is too slow, bytes. */
const patience = 1024 * 1024

const dropOf = (id: string): string => {
  const space = id.indexOf(' ')
  return JSON.stringify({ kind: id.slice(0, space), key: id.slice(space + 1) })
}

export const createSeat = (parts: {
  readonly viewer: Viewer
  readonly socket: WallSocket
  readonly maySee: (viewer: Viewer, row: WallRow) => boolean
  /** A viewer who comes back has all that may be seen up to here; undefined for one who comes anew. */
  readonly since: number | undefined
  readonly rows: Iterable<WallRow>
}): Seat => {
  const { socket, maySee } = parts
  let { viewer } = parts
  let sent = parts.since ?? 0
  let allowance = patience
  let spoke = true
  let over = false
  /** Ids of the rows that this viewer was given: only these may be taken back, or a drop would betray a name. */
  let given = new Set<string>()

  const close = (code: number) => {
    if (over) return
    over = true
    socket.close(code)
  }
  const say = (text: string) => {
    if (over) return
    const waiting = socket.buffered()
    if (waiting === 0) allowance = patience
    if (waiting > allowance) return close(closeCodes.slow)
    spoke = true
    socket.send(text)
  }
  const visible = (rows: Iterable<WallRow>) => [...rows].filter((row) => maySee(viewer, row))
  if (parts.since !== undefined) given = new Set(visible(parts.rows).map(({ id }) => id))

  return {
    viewer: () => viewer,
    become: (other) => {
      viewer = other
    },
    close,
    hello: say,
    reset: (seq, rows) => {
      const seen = visible(rows)
      given = new Set(seen.map(({ id }) => id))
      sent = seq
      const text = `{"type":"reset","seq":${seq},"put":[${seen.map(({ json }) => json).join(',')}]}`
      say(text)
      allowance = patience + text.length
    },
    delta: (seq, changed) => {
      const put: string[] = []
      const drop: string[] = []
      for (const [id, row] of changed) {
        if (row !== undefined && maySee(viewer, row)) {
          given.add(id)
          put.push(row.json)
        } else if (given.delete(id)) drop.push(dropOf(id))
      }
      if (put.length === 0 && drop.length === 0) return
      say(
        `{"type":"delta","from":${sent + 1},"seq":${seq},"put":[${put.join(',')}],"drop":[${drop.join(',')}]}`,
      )
      sent = seq
    },
    tick: (now) => {
      if (!spoke) say(JSON.stringify({ type: 'tick', seq: sent, now }))
      spoke = false
    },
  }
}
