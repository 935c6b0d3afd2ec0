/** Addresses: which page a path means, and the path of a page. Pure, so that links and tests share it. */

const patterns = {
  home: '/',
  account: '/accounts/:account',
  permissions: '/accounts/:account/permissions',
  workflowPermissions: '/accounts/:account/workflows/:workflow/permissions',
  tree: '/accounts/:account/workflows/:workflow',
  table: '/accounts/:account/workflows/:workflow/table',
  history: '/accounts/:account/workflows/:workflow/history',
  source: '/accounts/:account/workflows/:workflow/source',
  task: '/accounts/:account/workflows/:workflow/cycles/:cycle/tasks/:task',
  audit: '/audit',
  wall: '/wall',
  kiosks: '/kiosks',
  locks: '/locks',
  servers: '/servers',
  access: '/access',
} as const

type Patterns = typeof patterns
export type PageName = keyof Patterns
type Names<Path extends string> = Path extends `${infer Head}/${infer Tail}`
  ? Names<Head> | Names<Tail>
  : Path extends `:${infer Name}`
    ? Name
    : never
export type Params<N extends PageName> = { readonly [K in Names<Patterns[N]>]: string }
export type Route = { [N in PageName]: { readonly name: N; readonly params: Params<N> } }[PageName]

const pageNames = Object.keys(patterns) as readonly PageName[]

const matchPattern = (pattern: string, parts: readonly string[]): Record<string, string> | undefined => {
  const wanted = pattern.split('/')
  if (wanted.length !== parts.length) return undefined
  const params: Record<string, string> = {}
  for (const [index, want] of wanted.entries()) {
    const part = parts[index] ?? ''
    if (want.startsWith(':')) {
      if (part === '') return undefined
      params[want.slice(1)] = part
    } else if (want !== part) return undefined
  }
  return params
}

/** The page of a path; undefined where there is none (also for what is not valid percent-encoding). */
export const matchRoute = (path: string): Route | undefined => {
  let parts: string[]
  try {
    parts = path.split('/').map(decodeURIComponent)
  } catch (thrown) {
    if (thrown instanceof URIError) return undefined
    throw thrown
  }
  if (parts.length > 2 && parts.at(-1) === '') parts.pop()
  for (const name of pageNames) {
    const params = matchPattern(patterns[name], parts)
    if (params !== undefined) return { name, params } as Route
  }
  return undefined
}

const write = (name: PageName, params: Readonly<Record<string, string>>): string =>
  patterns[name].replace(/:([a-z]+)/g, (_, key: string) => encodeURIComponent(params[key] ?? ''))

/** The path of a page, each parameter encoded. */
export const pathOf = <N extends PageName>(name: N, params: Params<N>): string => write(name, params)

/** What fills the window at a route: a task stands beside the tree of its workflow. */
export const viewPath = ({ name, params }: Route): string => write(name === 'task' ? 'tree' : name, params)

/** What one is at, whichever of its views is shown: the views of a workflow are one page. */
export const pagePath = ({ name, params }: Route): string =>
  write('workflow' in params && name !== 'workflowPermissions' ? 'tree' : name, params)
