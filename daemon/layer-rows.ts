/** Every version of every layer, as hubs know them. */
import type { SitePut } from '../protocol/rows.ts'
import { allVersions, placeOf } from './layer-versions.ts'
import { type DaemonState, everyWorkflow } from './state.ts'

export const layerRows = (state: DaemonState): readonly SitePut[] => [
  ...[...state.layers].flatMap(([account, versions]) => allVersions({ account, workflow: null }, versions)),
  ...[...everyWorkflow(state)].flatMap((flow) => allVersions(placeOf(flow), flow.versions)),
]
