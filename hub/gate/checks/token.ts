/**
 * A script with a token: reads where the route takes tokens, and nothing else anywhere. Never beside a cookie and never
 * from a page, so that no browser can be talked into lending or using one.
 */
import { SeneschalError } from '../../../protocol/errors.ts'
import { tokenSession } from '../../../protocol/script-tokens.ts'
import { isTokenShaped } from '../../auth/token-format.ts'
import type { ScriptToken } from '../../auth/tokens.ts'
import { PUBLIC, type Viewer } from '../../context.ts'
import { type Check, changesState, type GateParts, type Visit } from '../visit.ts'

/** The token of a request; undefined for any other kind of authorization, which is not ours to judge. */
const tokenOf = (authorization: string | undefined): string | undefined =>
  /^bearer +(sen_\S*) *$/i.exec(authorization ?? '')?.[1]

/** Throws `token.asleep` where the provider's word about the person's groups is older than the site allows. */
export const tokenViewer = async (
  token: ScriptToken,
  address: string,
  parts: Pick<GateParts, 'groups'>,
): Promise<Viewer> => {
  if (token.groups === undefined) throw new SeneschalError('token.asleep')
  return {
    kind: 'token',
    session: tokenSession(token.row.token),
    person: token.row.person,
    name: token.displayName,
    groups: await parts.groups.of(token.row.person, token.groups),
    elevation: null,
    accounts: null,
    scope: token.row.scope,
    address,
  }
}

/**
 * Browsers say with each request what site it comes from and what for (Fetch Metadata). The mode `cors` by itself says
 * nothing: Node's own fetch sends it with every request, and no browser sends it without the site.
 */
const isFromAPage = ({ headers }: Visit): boolean =>
  headers.cookie !== undefined ||
  headers.origin !== undefined ||
  Object.entries(headers).some(
    ([name, value]) => name.startsWith('sec-fetch-') && !(name === 'sec-fetch-mode' && value === 'cors'),
  )

const mayComeThere = (visit: Visit, token: ScriptToken): void => {
  if (changesState(visit)) throw new SeneschalError('token.read-only')
  const isWall = token.row.scope.reads.includes('wall')
  if (visit.tokens === undefined || (isWall && visit.tokens !== 'also wall'))
    throw new SeneschalError('token.scope')
}

export const token: Check = async (visit, parts) => {
  const given = tokenOf(visit.headers.authorization)
  if (given === undefined) return
  if (visit.kind === PUBLIC) {
    if (changesState(visit)) throw new SeneschalError('token.read-only')
    return
  }
  const found = isTokenShaped(given) ? await parts.tokens.find(given) : undefined
  if (found === undefined) throw new SeneschalError('token.invalid')
  visit.viewer = await tokenViewer(found, visit.address, parts)
  if (isFromAPage(visit)) throw parts.tokenUse.refused(found, visit.address, 'token.misused')
  if (!found.isFrom(visit.address)) throw parts.tokenUse.refused(found, visit.address, 'token.elsewhere')
  parts.tokenUse.count(found)
  mayComeThere(visit, found)
  parts.tokenUse.note(found, visit.address)
}
