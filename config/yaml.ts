/** YAML that knows where each value stands. */
import {
  type Document,
  isCollection,
  isMap,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml'
import { SeneschalError } from '../protocol/errors.ts'

export type Path = readonly (string | number)[]
export type Place = { readonly line: number; readonly column: number }

export type Yaml = {
  readonly value: unknown
  /** Where the value of a path stands, or the nearest part of it that exists. 1-based. */
  readonly locate: (path: Path) => Place
  /** `file:line:column: message`, as compilers print it. */
  readonly complain: (path: Path, message: string) => string
}

/** Larger files are no configuration. */
const maxBytes = 4 * 1024 * 1024

const keyNode = (map: Node, key: string | number): Node | undefined => {
  if (!isMap(map)) return undefined
  const pair = map.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key))
  return pair === undefined ? undefined : (pair.key as Node)
}

/** The node whose start says best where a path is: the key for members of maps, the value for items of lists. */
const nodeAt = (document: Document, path: Path): Node | undefined => {
  let here: unknown = document.contents
  let best: Node | undefined
  for (const step of path) {
    if (!isCollection(here)) break
    const key = keyNode(here as Node, step)
    const value: unknown = here.get(step, true)
    const node = isPair(value) ? value.key : value
    best = key ?? (node as Node | undefined) ?? best
    if (node === undefined) break
    here = node
  }
  return best
}

/** Where a key stands that is no plain value; undefined where there is none. */
const oddKey = (document: Document): number | undefined => {
  let offset: number | undefined
  visit(document, {
    Pair: (_key, { key }) => {
      if (key === null || isScalar(key)) return undefined
      offset = (key as Partial<Node>).range?.[0] ?? 0
      return visit.BREAK
    },
  })
  return offset
}

/** Where the first alias stands that names no anchor before it; 0 where there is none. */
const lostAlias = (document: Document): number => {
  let offset = 0
  visit(document, {
    Alias: (_key, alias) => {
      if (alias.resolve(document) !== undefined) return undefined
      offset = alias.range?.[0] ?? 0
      return visit.BREAK
    },
  })
  return offset
}

/** Throws `config.invalid` with file, line and column; duplicate keys, aliases bombs and custom tags are errors. */
export const parseYaml = (text: string, file: string): Yaml => {
  if (Buffer.byteLength(text) > maxBytes)
    throw new SeneschalError('config.invalid', `${file}: larger than 4 MiB.`)
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    uniqueKeys: true,
    prettyErrors: false,
    version: '1.2',
  })
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const problem = document.errors[0] ?? document.warnings[0]
  if (problem !== undefined) {
    const { line, column } = place(problem.pos[0])
    throw new SeneschalError('config.invalid', `${file}:${line}:${column}: ${problem.message}`)
  }
  const odd = oddKey(document)
  if (odd !== undefined) {
    const { line, column } = place(odd)
    throw new SeneschalError(
      'config.invalid',
      `${file}:${line}:${column}: a key is a word, not a list or a map`,
    )
  }
  const locate = (path: Path): Place => place(nodeAt(document, path)?.range?.[0] ?? 0)
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 }) as unknown
  } catch (cause) {
    const { line, column } = place(lostAlias(document))
    throw new SeneschalError(
      'config.invalid',
      `${file}:${line}:${column}: ${String((cause as Error).message)}`,
      {
        cause,
      },
    )
  }
  return {
    value,
    locate,
    complain: (path, message) => {
      const { line, column } = locate(path)
      return `${file}:${line}:${column}: ${message}`
    },
  }
}
