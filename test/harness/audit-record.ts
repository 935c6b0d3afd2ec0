/** A record as a daemon publishes it. */
import type { AuditRecord } from '../../protocol/audit.ts'

export const daemonRecord = (seq: number, over: Partial<AuditRecord> = {}): AuditRecord => ({
  time: new Date(1_700_000_000_000 + seq * 1000).toISOString(),
  writer: 'daemon/main',
  seq,
  event: 'action.done',
  code: null,
  person: 'jacintar',
  session: 's',
  address: '10.0.0.1',
  account: 'atmosphere_stage',
  workflow: 'clouds',
  task: 'climb',
  cycle: '1',
  action: 'stop',
  args: {},
  outcome: 'done',
  reason: null,
  request: null,
  sentence: `User jacintar stopped atmosphere_stage.clouds.climb.${seq} task`,
  hash: 'x',
  ...over,
})
