/** Whether what a daemon said counts as what it says now. */
import { snapshotMaxAge } from '../protocol/permissions.ts'

/** Epoch, ms. A daemon's clock far ahead would keep a dead one fresh, so the future counts as age too. */
export const isFresh = (saidAt: number, now: number): boolean => Math.abs(now - saidAt) <= snapshotMaxAge
