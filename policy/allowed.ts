/** All answers about one thing at once, for menus: browsers get answers, never rules. */
import { type PermissionAction, type PermissionSnapshot, permissionActions } from '../protocol/permissions.ts'
import { decide } from './decide.ts'
import type { Who } from './types.ts'

/** For every action of the catalogue, whether somebody may ever do it; elevation is not considered. */
export const mayEver = (
  snapshot: PermissionSnapshot,
  who: Who,
  account: string,
  workflow?: string,
): Record<PermissionAction, boolean> =>
  Object.fromEntries(
    permissionActions.map((action) => [action, decide(snapshot, { who, action, account, workflow }).allowed]),
  ) as Record<PermissionAction, boolean>
