/**
 * The versions of one permission layer, of an account's or of a workflow's own. A file and requests change it in turn,
 * and the latest change is in force: a file that says what it said before does not undo a request, nor does a restart.
 */
import { isDeepStrictEqual } from 'node:util'
import { closedLayer, parseLayer, writeLayer } from '../config/layer.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { type LayerRow, layerKey } from '../protocol/layers.ts'
import type { Layer, Rules } from '../protocol/permissions.ts'
import type { SitePut } from '../protocol/rows.ts'

export type LayerVersion = Omit<LayerRow, 'account' | 'workflow'>

export type LayerVersions = {
  /** The oldest first; the last is in force. */
  readonly kept: LayerVersion[]
  /** What the file said when it was last taken up; undefined: nothing. */
  file: Rules | undefined
}

export type LayerPlace = { readonly account: string; readonly workflow: string | null }
/** Of something that is more than a place. */
export const placeOf = ({ account, workflow }: LayerPlace): LayerPlace => ({ account, workflow })

/** More are not kept of one layer, nor more characters of text. */
const mostKept = 50
const mostText = 96 * 1024

export const createLayerVersions = (): LayerVersions => ({ kept: [], file: undefined })

/** As an earlier version of the product stored it: only what is in force is known. */
export const firstVersions = (layer: Layer | undefined, at: number): LayerVersions => {
  const versions = createLayerVersions()
  if (layer !== undefined) fromFile(versions, layer, { at })
  return versions
}

export const inForce = ({ kept }: LayerVersions): LayerVersion | undefined => kept.at(-1)
export const versionOf = (versions: LayerVersions): number => inForce(versions)?.version ?? 0

export const sameRules = (one: Rules | undefined, other: Rules | undefined): boolean =>
  isDeepStrictEqual(one, other)

/** By which name people know it: there is no file of that name. */
const nameOf = ({ account, workflow }: LayerPlace, version: number): string =>
  `permissions of ${account}${workflow === null ? '' : `/${workflow}`}, version ${version}`

/** Asked for at each look at the files. */
const read = new WeakMap<LayerVersion, Layer>()

/** It was right when it was asked for; where this version of the product cannot read it, nobody may do anything. */
export const readVersion = (place: LayerPlace, version: LayerVersion): Layer | undefined => {
  if (version.text === null) return undefined
  const known = read.get(version)
  if (known !== undefined) return known
  const layer = readOrClose(version.text, nameOf(place, version.version))
  read.set(version, layer)
  return layer
}
const readOrClose = (text: string, name: string): Layer => {
  try {
    return parseLayer(text, name)
  } catch (thrown) {
    if (thrown instanceof SeneschalError) return closedLayer(name)
    throw thrown
  }
}

/** What is no longer kept: the oldest, and never what is in force. */
const forget = ({ kept }: LayerVersions): readonly LayerVersion[] => {
  let characters = kept.reduce((sum, { text }) => sum + (text?.length ?? 0), 0)
  let count = 0
  while (kept.length - count > 1 && (kept.length - count > mostKept || characters > mostText)) {
    characters -= kept[count]?.text?.length ?? 0
    count += 1
  }
  return kept.splice(0, count)
}

/** Puts a version in force; what is returned is forgotten for it. */
export const addVersion = (
  versions: LayerVersions,
  version: Omit<LayerVersion, 'version'>,
): readonly LayerVersion[] => {
  versions.kept.push({ ...version, version: versionOf(versions) + 1 })
  return forget(versions)
}

type FromFile = { readonly at: number; readonly person?: string | null; readonly request?: string | null }

/** The file's rules are taken up: a version, unless they are in force already. */
export const fromFile = (
  versions: LayerVersions,
  layer: Layer | undefined,
  { at, person = null, request = null }: FromFile,
): readonly LayerVersion[] => {
  versions.file = layer?.rules
  const text = layer === undefined ? null : writeLayer(layer.rules)
  const now = inForce(versions)
  if ((now?.text ?? null) === text) return []
  if (now !== undefined && now.text !== null && layer !== undefined && saysTheSame(now.text, layer.rules))
    return []
  return addVersion(versions, { at, origin: 'file', person, request, from: null, text })
}

/** Of a file or of a request; what is returned is forgotten for it. */
export const takeVersion = (
  versions: LayerVersions,
  version: Omit<LayerVersion, 'version'>,
): readonly LayerVersion[] => {
  if (version.origin === 'request') return addVersion(versions, version)
  return fromFile(versions, version.text === null ? undefined : parseLayer(version.text, ''), version)
}

/** Whether a text, however it is laid out, has these rules. */
const saysTheSame = (text: string, rules: Rules): boolean => {
  try {
    return sameRules(parseLayer(text, '').rules, rules)
  } catch (thrown) {
    if (thrown instanceof SeneschalError) return false
    throw thrown
  }
}

/** Whether the file says what it did not say when it was last taken up. */
export const fileChanged = (versions: LayerVersions, layer: Layer | undefined): boolean =>
  !sameRules(versions.file, layer?.rules)

const putOf = (place: LayerPlace, version: LayerVersion): SitePut => {
  const row = { ...place, ...version }
  return { kind: 'layer', key: layerKey(row), row }
}

export const allVersions = (place: LayerPlace, { kept }: LayerVersions): readonly SitePut[] =>
  kept.map((version) => putOf(place, version))

/** What a change of the versions is for those who follow: the newest, and those that went. */
export const toldVersions = (
  place: LayerPlace,
  versions: LayerVersions,
  before: number,
  forgotten: readonly LayerVersion[],
): {
  readonly put: readonly SitePut[]
  readonly drop: readonly { readonly kind: 'layer'; readonly key: string }[]
} => {
  const newest = inForce(versions)
  return {
    put: newest === undefined || newest.version === before ? [] : [putOf(place, newest)],
    drop: forgotten.map(({ version }) => ({ kind: 'layer', key: layerKey({ ...place, version }) })),
  }
}

/** Of a workflow that is no more. */
export const droppedVersions = (
  place: LayerPlace,
  { kept }: LayerVersions,
): readonly { readonly kind: 'layer'; readonly key: string }[] =>
  kept.map(({ version }) => ({ kind: 'layer', key: layerKey({ ...place, version }) }))

/** As a JSON value and back; what is stored is not changed any more. */
export const storeVersions = ({ kept, file }: LayerVersions): LayerVersions => ({ kept: [...kept], file })
export const restoreVersions = (stored: LayerVersions | undefined): LayerVersions | undefined =>
  stored === undefined ? undefined : { kept: [...stored.kept], file: stored.file }
