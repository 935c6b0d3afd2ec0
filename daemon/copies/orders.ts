/** A planned copy as the orders of its copiers, or why it cannot be one. */
import { createHash } from 'node:crypto'
import type { CopyOrder, CopyPlace, CopyRules } from '../../protocol/copies.ts'
import type { CopyStep } from '../../protocol/steps.ts'
import type { CopiesConfig } from './config.ts'

type Place = CopyStep['from']
type Side = Place['side']
/** One copier does all, or two do a side each. */
export type Orders = readonly { readonly side: Side; readonly order: CopyOrder }[]

const workplaces = '.seneschal-copies'

const rootOf = ({ site, user }: CopiesConfig, { side, root }: Place): CopyPlace['root'] | undefined => {
  const roots = side === 'site' ? site : user
  if (!Object.hasOwn(roots, root)) return undefined
  return side === 'site' ? site[root]?.path : user[root]
}

const isWithin = (inner: Place, outer: Place): boolean =>
  inner.side === outer.side && inner.root === outer.root && `${inner.path}/`.startsWith(`${outer.path}/`)

/** For the person who asked. */
export const objectionTo = (config: CopiesConfig, { from, to }: CopyStep): string | undefined => {
  for (const place of [from, to]) {
    if (rootOf(config, place) === undefined)
      return `There is no root ${place.root} on the ${place.side}'s side.`
    // The beginnings of other people's copies.
    if (place.path.split('/').includes(workplaces)) return `${workplaces} is not copied.`
  }
  if (to.side === 'site' && config.site[to.root]?.write !== true)
    return `Nothing is written below ${to.root}.`
  if (isWithin(to, from) || isWithin(from, to)) return 'One of the two lies within the other.'
  return undefined
}

export const ordersOf = (config: CopiesConfig, account: string, step: CopyStep): Orders => {
  const { from, to } = step
  const placeOf = (place: Place): CopyPlace => ({ root: rootOf(config, place) ?? '', path: place.path })
  const rules: CopyRules = {
    v: 1,
    overwrite: step.overwrite,
    verify: step.verify ?? false,
    sparse: step.sparse ?? true,
    foreign: config.foreign,
    // The account's own process reads no more than the account may; the service account may read its secrets.
    oneName: from.side === 'site',
    key: createHash('sha256')
      .update(JSON.stringify([account, from, to]))
      .digest('hex'),
  }
  return from.side === to.side
    ? [{ side: from.side, order: { role: 'whole', from: placeOf(from), to: placeOf(to), ...rules } }]
    : [
        { side: from.side, order: { role: 'source', from: placeOf(from), ...rules } },
        { side: to.side, order: { role: 'sink', to: placeOf(to), ...rules } },
      ]
}
