/** Every row, in the order of the overview. */
import type { Row } from './row.ts'
import { decisions } from './rows/decisions.ts'
import { proxy } from './rows/proxy.ts'

export const rows: readonly Row[] = [decisions, proxy]
