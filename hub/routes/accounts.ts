/** `GET /api/accounts` and `GET /api/accounts/:account`: what one may see, whether UI servers run or not. */
import type { FastifyInstance } from 'fastify'
import { mayEver } from '../../policy/allowed.ts'
import type { AccountBody, AccountsBody, Allowed } from '../../protocol/api.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import type { AccountRow } from '../../protocol/rows.ts'
import { type Gate, PAGE, type PolicyView, type Servers, type SiteView, type Viewer } from '../context.ts'
import { mayView, mayViewAnything, whoIs } from '../visible.ts'

export type AccountsParts = {
  readonly gate: Pick<Gate, 'viewer'>
  readonly site: SiteView
  readonly policy: PolicyView
  readonly servers: Servers
}

export const accountsRoutes =
  ({ gate, site, policy, servers }: AccountsParts) =>
  async (app: FastifyInstance): Promise<void> => {
    const allowedIn = (viewer: Viewer, account: string): ((workflow: string) => Allowed) => {
      const snapshot = policy.snapshot(account)
      if (snapshot === undefined) return () => ({})
      const who = whoIs(viewer)
      const layers = snapshot.accounts[account]?.workflows ?? {}
      // Workflows without a layer of their own share one answer: most do, and there may be many.
      const shared = mayEver(snapshot, who, account)
      return (workflow) =>
        Object.hasOwn(layers, workflow) || viewer.scope !== undefined
          ? mayEver(snapshot, who, account, workflow)
          : shared
    }

    const present = (viewer: Viewer, row: AccountRow): AccountBody | undefined => {
      const { account } = row
      if (!mayViewAnything({ site, policy }, viewer, account)) return undefined
      const allowed = allowedIn(viewer, account)
      const workflows = site
        .summaries(account)
        .filter(({ workflow }) => mayView(policy, viewer, account, workflow))
        .map((summary) => ({ summary, allowed: allowed(summary.workflow) }))
      return { account: row, server: servers.row(account), workflows }
    }

    app.get(
      '/api/accounts',
      { config: { kind: PAGE, tokens: 'readers' } },
      async (request): Promise<AccountsBody> => {
        const viewer = gate.viewer(request)
        return {
          accounts: site
            .accounts()
            .map((row) => present(viewer, row))
            .filter((body) => body !== undefined),
          daemons: site.daemons(),
        }
      },
    )

    app.get<{ Params: { account: string } }>(
      '/api/accounts/:account',
      { config: { kind: PAGE, tokens: 'readers' } },
      async (request): Promise<AccountBody> => {
        const row = site.account(request.params.account)
        const body = row === undefined ? undefined : present(gate.viewer(request), row)
        if (body === undefined) throw new SeneschalError('account.unknown')
        return body
      },
    )
  }
