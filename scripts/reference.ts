/**
 * docs/reference/*.md out of the code's own tables. `--check` writes nothing and fails where a page differs.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { helpOf } from '../cli/command.ts'
import { commands } from '../cli/commands.ts'
import { rules } from '../daemon/check/check.ts'
import { actions } from '../protocol/actions/registry.ts'
import { auditEvents } from '../protocol/audit.ts'
import { errorTable } from '../protocol/errors.ts'
import { jobEnvironment } from '../protocol/jobs.ts'
import { catalogue, permissionClasses } from '../protocol/permissions.ts'

const generated = '<!-- Made by `npm run docs` from the code. Change the code, not this page. -->'

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n')

const page = (title: string, intro: string, ...parts: readonly string[]): string =>
  `${[`# ${title}`, generated, intro, ...parts].join('\n\n')}\n`

const errors = page(
  'Error codes',
  'Every refusal and failure carries one of these codes: in the hub’s answers (`error.code`), in request outcomes, in audit records and on the command line. The code is stable; the sentence may change.',
  table(
    ['code', 'status', 'sentence'],
    Object.entries(errorTable).map(([code, { status, text }]) => [`\`${code}\``, String(status), text]),
  ),
)

const permissions = page(
  'Permissions',
  'What a layer can name. `own` can be named by no layer: owners of the account and site administrators have it.',
  table(
    ['class', 'action', 'lets somebody', 'elevation'],
    permissionClasses.flatMap((name) =>
      Object.entries(catalogue[name]).map(([action, what]) => [
        name,
        `\`${action}\``,
        what,
        name === 'read' || name === 'note' ? '–' : name === 'execute' ? 'execute' : 'write',
      ]),
    ),
  ),
)

const actionsPage = page(
  'Actions',
  'What a request can ask for: `POST /api/accounts/:account/actions/:action`, or `seneschal submit --action`.',
  table(
    ['action', 'class', 'on', 'effect', 'arguments (how they are audited)', 'applied within'],
    Object.values(actions).map((action) => [
      `\`${action.name}\``,
      action.class,
      action.on.join(', '),
      action.effect + (action.destructive ? ' Asks first.' : ''),
      Object.entries(action.audit)
        .map(([name, rule]) => `\`${name}\` (${rule})`)
        .join(', ') || '–',
      `${action.notAfter / 60_000} min`,
    ]),
  ),
)

const audit = page(
  'Audit events',
  'One record per event, one hash chain per writer. Every record has the same keys; what does not apply is null.',
  table(
    ['event', 'writer', 'means'],
    Object.entries(auditEvents).map(([event, { writer, means }]) => [`\`${event}\``, writer, means]),
  ),
)

const jobs = page(
  'Jobs',
  'The environment that every job has, beside its own variables and PATH, HOME, LANG, USER, TZ.',
  table(
    ['variable', 'is'],
    Object.entries(jobEnvironment).map(([name, what]) => [`\`${name}\``, what]),
  ),
)

const cli = page(
  'Command line',
  'Exit codes: 0 done, 1 failed or refused, 64 usage, 77 refused by the agent, 78 configuration.',
  ...commands
    .filter((command) => command.internal !== true)
    .map((command) => `## ${command.name}\n\n\`\`\`\n${helpOf(command).trimEnd()}\n\`\`\``),
)

const installation = page(
  'Rules of an installation',
  '`seneschal daemon check` looks at each of them and prints what to change; the daemon does not start where one is broken as an error.',
  table(
    ['rule', 'what must hold'],
    rules.map(({ name, says }) => [`\`${name}\``, says]),
  ),
)

const directory = join(dirname(import.meta.dirname), 'docs/reference')
const pages = {
  'errors.md': errors,
  'permissions.md': permissions,
  'actions.md': actionsPage,
  'audit.md': audit,
  'cli.md': cli,
  'jobs.md': jobs,
  'installation.md': installation,
}
const check = process.argv.includes('--check')
let stale = 0
mkdirSync(directory, { recursive: true })
for (const [name, text] of Object.entries(pages)) {
  const file = join(directory, name)
  if (existsSync(file) && readFileSync(file, 'utf8') === text) continue
  stale += 1
  if (check) process.stderr.write(`docs/reference/${name} is not what the code says; run: npm run docs\n`)
  else writeFileSync(file, text)
}
process.exitCode = check && stale > 0 ? 1 : 0
