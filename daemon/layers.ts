/** A workflow's permissions in force beside those that its definition asks for. */
import type { Layer } from '../protocol/permissions.ts'
import { type Definition, definitionFile } from './definition.ts'
import { fileChanged, type LayerVersions, sameRules } from './layer-versions.ts'

type InForce = { readonly layer: Layer | undefined; readonly versions: LayerVersions }

/** Whether a definition asks for permissions that it did not ask for before, and that are not in force either. */
export const asksForOthers = ({ layer, versions }: InForce, asked: Layer | undefined): boolean =>
  fileChanged(versions, asked) && !sameRules(layer?.rules, asked?.rules)

export const tellWaiting = (account: string, workflow: string, asked: Layer | undefined): string => {
  const line = Math.min(...Object.values(asked?.source.lines ?? {}), Number.MAX_SAFE_INTEGER)
  const place = line === Number.MAX_SAFE_INTEGER ? 1 : line
  return `${definitionFile(account, workflow)}:${place}:1: its permissions are not in force: an owner of ${account} has to reload it. Those from before stay.`
}

/** What is to be said while a definition asks for other permissions than those in force; undefined where it does not. */
export const waitingLayer = (
  flow: InForce & {
    readonly account: string
    readonly workflow: string
    readonly definition: Pick<Definition, 'layer'> | undefined
  },
): string | undefined =>
  flow.definition === undefined || !asksForOthers(flow, flow.definition.layer)
    ? undefined
    : tellWaiting(flow.account, flow.workflow, flow.definition.layer)
