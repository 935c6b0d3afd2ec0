/** A workflow's permissions in force beside those that its definition asks for. */
import { isDeepStrictEqual } from 'node:util'
import type { Layer } from '../protocol/permissions.ts'
import { type Definition, definitionFile } from './definition.ts'

export const sameRules = (one: Layer | undefined, other: Layer | undefined): boolean =>
  isDeepStrictEqual(one?.rules, other?.rules)

export const tellWaiting = (account: string, workflow: string, asked: Layer | undefined): string => {
  const line = Math.min(...Object.values(asked?.source.lines ?? {}), Number.MAX_SAFE_INTEGER)
  const place = line === Number.MAX_SAFE_INTEGER ? 1 : line
  return `${definitionFile(account, workflow)}:${place}:1: its permissions are not in force: an owner of ${account} has to reload it. Those from before stay.`
}

/** What is to be said while a definition asks for other permissions than those in force; undefined where it does not. */
export const waitingLayer = (flow: {
  readonly account: string
  readonly workflow: string
  readonly definition: Pick<Definition, 'layer'> | undefined
  readonly layer: Layer | undefined
}): string | undefined =>
  flow.definition === undefined || sameRules(flow.definition.layer, flow.layer)
    ? undefined
    : tellWaiting(flow.account, flow.workflow, flow.definition.layer)
