/** The hub's HTTP interface as OpenAPI 3.1, made from the schemas that the routes check against. */
import { z } from 'zod/mini'
import * as api from '../protocol/api.ts'
import { auditRecord } from '../protocol/audit.ts'
import {
  condemnAsk,
  hostsBody,
  migrationAsk,
  migrationStarted,
  serverLog,
  serversBody,
} from '../protocol/fleet.ts'
import { layerBody, layerPreview, layerPreviewAsk } from '../protocol/layers.ts'
import { lock } from '../protocol/locks.ts'
import { serverRow } from '../protocol/rows.ts'
import { tokenCreate, tokenMade, tokensBody } from '../protocol/script-tokens.ts'
import { sessionsBody, sessionsEnded } from '../protocol/sessions.ts'
import { version } from '../protocol/version.ts'

type Operation = {
  readonly does: string
  readonly takes?: z.ZodMiniType
  readonly gives?: z.ZodMiniType
  /** Default 200. */
  readonly status?: number
  /** Of what it gives, where that is not JSON. */
  readonly mediaType?: string
  /** Names of query parameters. */
  readonly query?: readonly string[]
}

const kiosks = z.strictObject({ kiosks: z.array(api.kioskRow) })
const alive = z.strictObject({ status: z.literal('ok'), version: z.string() })
const readiness = z.strictObject({
  ready: z.boolean(),
  checks: z.strictObject({ database: z.boolean(), permissions: z.boolean() }),
})
const description = z.strictObject({
  openapi: z.string(),
  info: z.strictObject({ title: z.string(), version: z.string() }),
  paths: z.record(z.string(), z.unknown()),
})
const keys = z.strictObject({ keys: z.array(z.record(z.string(), z.unknown())) })

const auditFilters = 'since until person account workflow event action outcome text'.split(' ')

/** `METHOD /path` → what it does. `{name}` is a parameter. A test holds this to the routes. */
export const operations: Readonly<Record<string, Operation>> = {
  'GET /auth/login': { does: 'Leads to the identity provider.', status: 303, query: ['return'] },
  'GET /auth/callback': { does: 'Where the identity provider leads back to.', status: 303 },
  'POST /auth/logout': { does: 'Ends this session; location ends the provider’s.', gives: api.elevateAnswer },
  'POST /auth/backchannel-logout': { does: 'A logout that the identity provider tells of.' },
  'POST /auth/elevate': {
    does: 'Starts raising privileges; location is the provider’s page.',
    takes: api.elevateBody,
    gives: api.elevateAnswer,
  },
  'DELETE /auth/elevation': { does: 'Drops raised privileges.', status: 204 },
  'POST /auth/break-glass': {
    does: 'A session for who brings the code of the sealed key; the provider is not asked.',
    takes: api.breakGlassCode,
    status: 204,
  },
  'POST /auth/device': { does: 'Begins signing in from a command line.', gives: api.deviceAnswer },
  'POST /auth/device/raise': {
    does: 'Begins raising privileges from a command line.',
    takes: api.deviceRaise,
    gives: api.deviceAnswer,
  },
  'POST /auth/device/token': {
    does: 'The answer, once the person is through at the provider.',
    takes: api.deviceFetch,
    gives: api.deviceState,
    status: 202,
  },
  'GET /api/admin/servers': {
    does: 'UI servers, who looks at them, and the queue of starts.',
    gives: serversBody,
  },
  'POST /api/admin/servers/{account}': {
    does: 'Starts the account’s server.',
    gives: serverRow,
    status: 202,
  },
  'GET /api/admin/servers/{account}/log': { does: 'The server’s own last lines.', gives: serverLog },
  'GET /api/admin/hosts': {
    does: 'Hosts of UI servers, and how loaded they are and were.',
    gives: hostsBody,
  },
  'POST /api/admin/hosts/{host}/condemned': {
    does: 'Takes the host out of service: it takes no new servers.',
    takes: condemnAsk,
    status: 204,
  },
  'DELETE /api/admin/hosts/{host}/condemned': { does: 'Lets it take servers again.', status: 204 },
  'POST /api/admin/hosts/{host}/migrate': {
    does: 'Moves servers away from a condemned host.',
    takes: migrationAsk,
    gives: migrationStarted,
    status: 202,
  },
  'GET /api/admin/locks': { does: 'What is locked, and which daemons know of it.', gives: api.locksBody },
  'POST /api/admin/locks': { does: 'Locks.', takes: api.lockCreate, gives: lock, status: 201 },
  'DELETE /api/admin/locks/{lock}': { does: 'Lifts a lock.', status: 204 },
  'GET /api/session': { does: 'Who am I.', gives: api.sessionBody },
  'GET /api/accounts': { does: 'Accounts and workflows that I may view.', gives: api.accountsBody },
  'GET /api/accounts/{account}': { does: 'One account.', gives: api.accountBody },
  'POST /api/accounts/{account}/server': {
    does: 'Starts the account’s server.',
    gives: serverRow,
    status: 202,
  },
  'DELETE /api/accounts/{account}/server': { does: 'Stops the account’s server.', status: 204 },
  'GET /api/accounts/{account}/server/progress': {
    does: 'How starts are going, as long as it is listened to.',
    gives: api.progressEvent,
    mediaType: 'text/event-stream',
  },
  'POST /api/accounts/{account}/actions/{action}': {
    does: 'Asks for an action: the one door.',
    takes: api.actionBody,
    gives: api.actionAnswer,
    status: 202,
  },
  'GET /api/accounts/{account}/permissions': {
    does: 'The permissions that an account or a workflow has of its own, and their versions.',
    gives: layerBody,
    query: ['workflow'],
  },
  'POST /api/accounts/{account}/permissions/preview': {
    does: 'Who would gain and lose what; changes nothing.',
    takes: layerPreviewAsk,
    gives: layerPreview,
  },
  'GET /api/requests/{id}': { does: 'How a request ended.', gives: api.requestBody },
  'GET /api/wall': { does: 'WebSocket: all accounts and workflows.', status: 101, query: ['since', 'epoch'] },
  'GET /api/audit': {
    does: 'Audit records, newest first.',
    gives: api.auditBody,
    query: [...auditFilters, 'cursor', 'limit'],
  },
  'GET /api/audit/export': {
    does: 'The same records, all of them, as JSON lines.',
    gives: auditRecord,
    mediaType: 'application/x-ndjson',
    query: auditFilters,
  },
  'GET /api/audit/stream': {
    does: 'WebSocket: audit records as they come.',
    status: 101,
    query: auditFilters,
  },
  'GET /api/explain': {
    does: 'What is allowed, and why.',
    gives: api.explainBody,
    query: ['person', 'action', 'account', 'workflow'],
  },
  'GET /api/sessions': { does: 'My sessions.', gives: sessionsBody },
  'DELETE /api/sessions': { does: 'Ends my sessions but this one.', gives: sessionsEnded },
  'DELETE /api/sessions/{session}': { does: 'Ends a session of mine.', status: 204 },
  'GET /api/admin/sessions': { does: 'Everybody’s sessions.', gives: sessionsBody },
  'DELETE /api/admin/sessions/{session}': { does: 'Ends anybody’s session.', status: 204 },
  'GET /api/explain/all': {
    does: 'The same of every action.',
    gives: api.explainAllBody,
    query: ['person', 'account', 'workflow'],
  },
  'GET /api/tokens': { does: 'My tokens for scripts.', gives: tokensBody },
  'POST /api/tokens': {
    does: 'Makes a token with which a script reads; it is told once.',
    takes: tokenCreate,
    gives: tokenMade,
    status: 201,
  },
  'DELETE /api/tokens/{token}': { does: 'Revokes a token of mine.', status: 204 },
  'GET /api/admin/tokens': { does: 'Everybody’s tokens.', gives: tokensBody },
  'DELETE /api/admin/tokens/{token}': { does: 'Revokes anybody’s token.', status: 204 },
  'GET /api/admin/kiosks': { does: 'All kiosks.', gives: kiosks },
  'POST /api/admin/kiosks': {
    does: 'Creates a kiosk; its code enrols one browser.',
    takes: api.kioskCreate,
    gives: z.strictObject({ kiosk: api.kioskRow, code: z.string() }),
    status: 201,
  },
  'POST /api/admin/kiosks/{kiosk}': { does: 'Renames a kiosk.', takes: api.kioskRename, status: 204 },
  'DELETE /api/admin/kiosks/{kiosk}': { does: 'Revokes a kiosk.', status: 204 },
  'POST /api/kiosk/enrol': {
    does: 'Binds this browser to a kiosk.',
    takes: api.kioskEnrol,
    gives: z.strictObject({ kiosk: z.string(), name: z.string() }),
  },
  'GET /api/kiosk/nonce': {
    does: 'What a kiosk signs to connect.',
    gives: z.strictObject({ nonce: z.string() }),
    query: ['kiosk'],
  },
  'POST /api/kiosk/session': { does: 'Connects a kiosk.', takes: api.kioskSession, status: 204 },
  'GET /api/openapi.json': { does: 'This description.', gives: description },
  'GET /healthz': { does: 'The process lives.', gives: alive },
  'GET /readyz': { does: 'The hub can work; 503 while it cannot.', gives: readiness },
  'GET /metrics': {
    does: 'Counts for Prometheus, to this host only.',
    gives: z.string(),
    mediaType: 'text/plain',
  },
  'GET /.well-known/jwks.json': { does: 'Public keys of assertions and grants.', gives: keys },
}

const content = (schema: z.ZodMiniType, mediaType = 'application/json') => ({
  content: { [mediaType]: { schema: z.toJSONSchema(schema, { unrepresentable: 'any' }) } },
})

const parameters = (path: string, query: readonly string[]) => [
  ...[...path.matchAll(/\{([a-z]+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  })),
  ...query.map((name) => ({ name, in: 'query', required: false, schema: { type: 'string' } })),
]

export const openApi = (title: string) => {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const [key, operation] of Object.entries(operations)) {
    const [method = '', path = ''] = key.split(' ')
    paths[path] ??= {}
    paths[path][method.toLowerCase()] = {
      summary: operation.does,
      parameters: parameters(path, operation.query ?? []),
      ...(operation.takes === undefined
        ? {}
        : { requestBody: { required: true, ...content(operation.takes) } }),
      responses: {
        [operation.status ?? 200]: {
          description: operation.does,
          ...(operation.gives === undefined ? {} : content(operation.gives, operation.mediaType)),
        },
        default: { description: 'What went wrong.', ...content(api.errorBody) },
      },
    }
  }
  return { openapi: '3.1.0', info: { title: `${title}: the hub`, version }, paths }
}
