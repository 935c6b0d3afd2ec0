/** The table on stdout: one line per figure. */
import type { Report, Row } from './report/row.ts'
/** Three significant digits, thousands apart: what follows them is noise. */
export declare const presentNumber: (value: number) => string
export declare const presentTable: (row: Pick<Row, 'name' | 'title'>, report: Report) => string
