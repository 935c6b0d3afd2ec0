/**
 * Answers to granted requests, hundreds of thousands of them: for minutes after a grant was used, nobody may use it
 * again, so at thousands of requests a second objects and strings would fill the memory. Here an answer is a row of 28
 * bytes in a block, and a block is forgotten whole. Nothing is guessed: ids are compared in full.
 */
import { randomFillSync } from 'node:crypto'
import { type RequestState, requestStates } from '../protocol/requests.ts'

export type GrantedAnswer = {
  /** A UUID, as `protocol/ids.ts` has it. */
  readonly id: string
  readonly uid: number
  readonly state: Exclude<RequestState, 'waiting'>
  readonly code: string | null
  /** Epoch, ms. */
  readonly at: number
  /** Whether the public name that is its id belongs to this uid. */
  readonly isNamed: boolean
}

/** As the snapshot has them: JSON is made of the rows when they are written, and they do not change any more. */
export type StoredBlock = {
  readonly newest: number
  readonly codes: readonly string[]
  /** Base64. */
  readonly rows: string | { readonly toJSON: () => string }
}

export type GrantedAnswers = {
  readonly size: () => number
  /** There is none of that uid and id. */
  readonly add: (answer: GrantedAnswer) => void
  readonly find: (uid: number, id: string) => GrantedAnswer | undefined
  /** To whom an id belongs as public name. */
  readonly ownerOf: (id: string) => number | undefined
  /** Forgets the oldest ones, all of them from before a time, but keeps the latest `least` whatever their age. */
  readonly forget: (rules: { readonly before: number; readonly least: number }) => void
  readonly store: () => readonly StoredBlock[]
}

/** Words of a row: four of the id, uid, time in seconds, and the rest packed into one. */
const rowWords = 7
const [uidAt, restAt] = [4, 6]
const rowBytes = rowWords * 4
/** Rows of a block: few blocks, so that a new id, which is in none, is looked for in few. */
const blockRows = 32_768
/** At most half of the slots are used, so that a search is short. A slot holds the row's number plus one. */
const slotBits = 16
const slots = 2 ** slotBits

/** Bits of the last word: state, whether it is named, milliseconds of the time; the code's number in the others. */
const [stateBits, namedBits, msBits] = [2, 1, 10] as const
const msShift = stateBits + namedBits
const codeShift = msShift + msBits
const isNamed = (rest: number): boolean => ((rest >>> stateBits) & 1) === 1
/** Those of an answer. */
const states = requestStates.filter((state) => state !== 'waiting')

/**
 * Where a row is looked for first: a vector multiply-shift. Accounts make ids up to be looked for, and must not know
 * which ones meet: with secret factors any two do with a chance of 1 in 65,536 (Dietzfelbinger 1996). What is found does
 * not depend on the factors.
 */
const factors = randomFillSync(new Uint32Array(9))
const firstSlot = (words: Uint32Array): number => {
  let sum = factors[8] ?? 0
  for (let index = 0; index < 4; index += 1) {
    const word = words[index] ?? 0
    sum += Math.imul(factors[2 * index] ?? 0, word & 0xffff)
    sum += Math.imul(factors[2 * index + 1] ?? 0, word >>> 16)
  }
  return (sum >>> 0) >>> (32 - slotBits)
}

const wordsOf = (id: string): Uint32Array => {
  const digits = id.replaceAll('-', '')
  if (!/^[0-9a-f]{32}$/.test(digits)) throw new RangeError(`not an id: ${id}`)
  return Uint32Array.from([0, 8, 16, 24], (at) => Number.parseInt(digits.slice(at, at + 8), 16))
}

type Block = {
  readonly rows: Uint32Array
  readonly slots: Uint16Array
  /** Of the answers in it; a row has their number, 0 for none. */
  readonly codes: string[]
  count: number
  /** Time of the latest answer in it. */
  newest: number
}
const emptyBlock = (): Block => ({
  rows: new Uint32Array(blockRows * rowWords),
  slots: new Uint16Array(slots),
  codes: [],
  count: 0,
  newest: 0,
})

const numberOf = ({ codes }: Block, code: string | null): number => {
  if (code === null) return 0
  const index = codes.indexOf(code)
  return index < 0 ? codes.push(code) : index + 1
}

/** Makes a row found. */
const place = (block: Block, row: number): void => {
  const offset = row * rowWords
  let slot = firstSlot(block.rows.subarray(offset, offset + 4))
  while (block.slots[slot] !== 0) slot = (slot + 1) % slots
  block.slots[slot] = row + 1
}

/** Where the row with an id, and of this uid or with the public name, begins; -1 where there is none. */
const search = (block: Block, words: Uint32Array, first: number, uid: number | undefined): number => {
  const { rows } = block
  for (let slot = first; ; slot = (slot + 1) % slots) {
    const number = block.slots[slot] ?? 0
    if (number === 0) return -1
    const offset = (number - 1) * rowWords
    let word = 0
    while (word < 4 && rows[offset + word] === words[word]) word += 1
    if (word < 4) continue
    const fits = uid === undefined ? isNamed(rows[offset + restAt] ?? 0) : rows[offset + uidAt] === uid
    if (fits) return offset
  }
}

const restoreBlock = ({ newest, codes, rows }: StoredBlock): Block => {
  const bytes = Buffer.from(typeof rows === 'string' ? rows : rows.toJSON(), 'base64')
  const block = { ...emptyBlock(), newest, codes: [...codes], count: bytes.length / rowBytes }
  new Uint8Array(block.rows.buffer).set(bytes)
  for (let row = 0; row < block.count; row += 1) place(block, row)
  return block
}

const storeBlock = ({ newest, codes, rows, count }: Block): StoredBlock => {
  const bytes = Buffer.from(rows.buffer, 0, count * rowBytes)
  return { newest, codes: [...codes], rows: { toJSON: () => bytes.toString('base64') } }
}

export const createGrantedAnswers = (stored: readonly StoredBlock[] = []): GrantedAnswers => {
  /** The oldest first. */
  const blocks = stored.map(restoreBlock)

  /** Of this uid; or, without one, of whoever has the public name. */
  const find = (id: string, uid?: number): GrantedAnswer | undefined => {
    const words = wordsOf(id)
    const first = firstSlot(words)
    for (let index = blocks.length - 1; index >= 0; index -= 1) {
      const block = blocks[index]
      const offset = block === undefined ? -1 : search(block, words, first, uid)
      if (block === undefined || offset < 0) continue
      const [owner = 0, seconds = 0, rest = 0] = block.rows.subarray(offset + uidAt, offset + rowWords)
      return {
        id,
        uid: owner,
        state: states[rest & (2 ** stateBits - 1)] ?? 'failed',
        code: block.codes[(rest >>> codeShift) - 1] ?? null,
        at: seconds * 1000 + ((rest >>> msShift) & (2 ** msBits - 1)),
        isNamed: isNamed(rest),
      }
    }
    return undefined
  }

  const size = (): number => blocks.reduce((sum, { count }) => sum + count, 0)

  return {
    size,
    add: ({ id, uid, state, code, at, isNamed: named }) => {
      const last = blocks.at(-1)
      const block = last === undefined || last.count === blockRows ? emptyBlock() : last
      if (block !== last) blocks.push(block)
      const rest =
        states.indexOf(state) |
        (Number(named) << stateBits) |
        ((at % 1000) << msShift) |
        (numberOf(block, code) << codeShift)
      block.rows.set([...wordsOf(id), uid, Math.floor(at / 1000), rest], block.count * rowWords)
      place(block, block.count)
      block.count += 1
      block.newest = Math.max(block.newest, at)
    },
    find: (uid, id) => find(id, uid),
    ownerOf: (id) => find(id)?.uid,
    forget: ({ before, least }) => {
      let kept = size()
      for (let oldest = blocks[0]; oldest !== undefined; oldest = blocks[0]) {
        kept -= oldest.count
        if (oldest.newest >= before || kept < least) return
        blocks.shift()
      }
    },
    store: () => blocks.map(storeBlock),
  }
}
