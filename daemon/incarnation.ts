/** Tells a workflow from one that had its name before, so that nobody takes the jobs of one for those of the other. */
import { randomBytes } from 'node:crypto'
import type { Workflow } from './workflow.ts'

/** Of which no other has the like: what lies in the accounts' homes may be older than all that the state knows. */
export const newIncarnation = (): string => randomBytes(8).toString('hex')

/** No definition was in force yet, so there can be no jobs. */
export const isFirst = ({ engine, unread }: Workflow): boolean => engine === undefined && unread === undefined
