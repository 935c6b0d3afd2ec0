/** `GET /api/requests/:id`: how a request ended. Absent, foreign and malformed ids get one answer. */
import type { FastifyInstance } from 'fastify'
import type { RequestBody } from '../../protocol/api.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { type Gate, PAGE, type PolicyView, type SiteView, type Viewer } from '../context.ts'
import type { Granted } from '../granted.ts'
import { mayView } from '../visible.ts'

export type RequestsParts = {
  readonly gate: Pick<Gate, 'viewer'>
  readonly site: SiteView
  readonly policy: PolicyView
  readonly granted: Granted
}

type Known = {
  readonly person: string | null
  readonly account: string
  readonly workflow: string | undefined
}

export const requestsRoutes =
  ({ gate, site, policy, granted }: RequestsParts) =>
  async (app: FastifyInstance): Promise<void> => {
    const mayKnow = (viewer: Viewer, { person, account, workflow }: Known): boolean =>
      (person === viewer.person && viewer.scope === undefined) || mayView(policy, viewer, account, workflow)

    app.get<{ Params: { id: string } }>(
      '/api/requests/:id',
      { config: { kind: PAGE, tokens: 'readers' } },
      async (request): Promise<RequestBody> => {
        const viewer = gate.viewer(request)
        const promised = granted.get(request.params.id)
        const told = site.request(request.params.id)
        // A request of the account's own under the id of a grant is not what was promised.
        const isIts =
          promised === undefined || (told?.person === promised.person && told?.account === promised.account)
        const row = isIts ? told : undefined
        const known = row === undefined ? promised : { ...row, workflow: row.workflow ?? undefined }
        if (known === undefined || !mayKnow(viewer, known)) throw new SeneschalError('request.unknown')
        const { state, code } = known
        return {
          state,
          ...(code === null ? {} : { code }),
          ...(row === undefined || row.reason === null ? {} : { reason: row.reason }),
        }
      },
    )
  }
