/** Routes as a table: method, path, what it takes, and who answers. */
import type { ErrorCode } from '../protocol/errors.ts'
import { parseJobKey } from '../protocol/jobs.ts'
import type { PermissionAction } from '../protocol/permissions.ts'
import type { Exchange } from './exchange.ts'

/** About whose workflow a path is. */
type About = 'workflow' | 'job'

export type Route = {
  readonly method: 'GET' | 'POST'
  /** Segments; `:workflow` and `:job` name what it is about. */
  readonly path: string
  /** `each`: the route itself asks about each thing that it gives. */
  readonly needs: PermissionAction | 'each'
  readonly handle: (exchange: Exchange) => Promise<void> | void
}

export type Match = {
  readonly route: Route
  readonly params: Readonly<Record<string, string>>
  /** The workflow that the path is about; undefined where it cannot be one, or the route is about none. */
  readonly workflow: string | undefined
  readonly hidden: ErrorCode
}

const matchPath = (path: string, segments: readonly string[]): Record<string, string> | undefined => {
  const parts = path.split('/')
  if (parts.length !== segments.length) return undefined
  const params: Record<string, string> = {}
  for (const [index, part] of parts.entries()) {
    const segment = segments[index] ?? ''
    if (part.startsWith(':')) params[part.slice(1)] = segment
    else if (part !== segment) return undefined
  }
  return params
}

const about = (params: Readonly<Record<string, string>>, kind: About): string | undefined =>
  kind === 'workflow' ? params.workflow : parseJobKey(params.job ?? '')?.workflow

export const findRoute = (
  routes: readonly Route[],
  method: string,
  segments: readonly string[],
): Match | undefined => {
  const wanted = method === 'HEAD' ? 'GET' : method
  for (const route of routes) {
    if (route.method !== wanted) continue
    const params = matchPath(route.path, segments)
    if (params === undefined) continue
    const kind: About = params.job === undefined ? 'workflow' : 'job'
    const hidden = kind === 'job' ? 'instance.unknown' : 'workflow.unknown'
    return { route, params, workflow: about(params, kind), hidden }
  }
  return undefined
}
