/** Everybody in front of the same upstream, each in its own process. */
import { startChp, startNginx } from './peers.ts'
import type { Bench } from './report/row.ts'
import { type Way as HubWay, startFar, startLocalWay, startSshWay } from './road.ts'

export const ours = 'hub'
export const overSsh = 'hub over SSH'

export type WayIn = {
  readonly who: string
  readonly port: number
  /** What stands before the upstream's own path. */
  readonly prefix: string
  readonly headers: Readonly<Record<string, string>>
  /** Of the proxy. */
  readonly pid?: number
}

const throughHub = (who: string, { site, accounts, headers }: HubWay): WayIn => ({
  ...{ who, headers, port: site.port, pid: site.hub.pid },
  prefix: `/u/${accounts[0]}`,
})

export const prepareWays = async (bench: Bench): Promise<readonly WayIn[]> => {
  const far = await startFar(bench)
  const local = await startLocalWay(bench, far, ['atmosphere_stage'])
  const ssh = await startSshWay(bench, far)
  const chp = await startChp(bench, local.upstreamPort)
  const nginx = await startNginx(bench, local.upstreamPort)
  const { headers } = local
  return [
    throughHub(ours, local),
    ...(ssh === undefined ? [] : [throughHub(overSsh, ssh)]),
    ...[chp, ...(nginx === undefined ? [] : [nginx])].map(({ who, port, program }) => ({
      ...{ who, headers, port, prefix: '' },
      pid: program.pid,
    })),
    { who: 'direct', headers, port: local.upstreamPort, prefix: '' },
  ]
}
