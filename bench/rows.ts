/** Every row, in the order of the overview. */
import type { Row } from './report/row.ts'
import { audit } from './rows/audit.ts'
import { click } from './rows/click.ts'
import { copies } from './rows/copies.ts'
import { decisions } from './rows/decisions.ts'
import { engine } from './rows/engine.ts'
import { expiry } from './rows/expiry.ts'
import { fleet } from './rows/fleet.ts'
import { flood } from './rows/flood.ts'
import { growth } from './rows/growth.ts'
import { idle } from './rows/idle.ts'
import { kills } from './rows/kills.ts'
import { memory } from './rows/memory.ts'
import { proxy } from './rows/proxy.ts'
import { reads } from './rows/reads.ts'
import { requests } from './rows/requests.ts'
import { spawn } from './rows/spawn.ts'
import { websocket } from './rows/websocket.ts'

export const rows: readonly Row[] = [
  click,
  spawn,
  fleet,
  decisions,
  proxy,
  websocket,
  idle,
  memory,
  reads,
  requests,
  audit,
  expiry,
  engine,
  copies,
  flood,
  growth,
  kills,
]
