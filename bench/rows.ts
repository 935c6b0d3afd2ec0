/** Every row, in the order of the overview. */
import type { Row } from './row.ts'
import { decisions } from './rows/decisions.ts'
import { idle } from './rows/idle.ts'
import { memory } from './rows/memory.ts'
import { proxy } from './rows/proxy.ts'
import { websocket } from './rows/websocket.ts'

export const rows: readonly Row[] = [decisions, proxy, websocket, idle, memory]
