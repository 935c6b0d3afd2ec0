/** Which of a viewer's groups a token says. A directory may put somebody into hundreds; a token must stay small. */
import { groupsNamed } from '../policy/groups-named.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { groupsMaxBytes } from '../protocol/tokens.ts'
import type { PolicyView, Viewer } from './context.ts'

type Groups = readonly string[]
type Member = Pick<Viewer, 'groups'>

/** Both throw `groups.too-many` where the token would have no room: a group left out might be a denied one. */
export type Vouched = {
  /** To an account's UI server, which decides by permissions alone: the groups that they name. */
  readonly toServer: (viewer: Member, account: string) => Groups
  /**
   * To the daemon: all of them while there is room. By the time that it decides permissions may name others, and the
   * rule of a plugin may ask for any.
   */
  readonly toDaemon: (viewer: Member, asked: { readonly account: string; readonly action: string }) => Groups
}

const hasRoom = (groups: Groups): boolean => Buffer.byteLength(JSON.stringify(groups)) <= groupsMaxBytes

export const createVouched = (policy: Pick<PolicyView, 'snapshot'>): Vouched => {
  const toServer: Vouched['toServer'] = ({ groups }, account) => {
    const snapshot = policy.snapshot(account)
    const named = snapshot === undefined ? undefined : groupsNamed(snapshot, account)
    const said = groups.filter((group) => named?.has(group) === true)
    if (!hasRoom(said)) throw new SeneschalError('groups.too-many')
    return said
  }
  return {
    toServer,
    toDaemon: (viewer, { account, action }) => {
      if (hasRoom(viewer.groups)) return viewer.groups
      if (action === 'submit') throw new SeneschalError('groups.too-many')
      return toServer(viewer, account)
    },
  }
}
