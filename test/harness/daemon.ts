/** A real daemon in a temporary directory: all accounts are the user who runs the tests. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { daemonConfig } from '../../daemon/config.ts'
import { siteLayout } from '../../daemon/layout.ts'
import { endProcessesAt } from '../../demo/leftovers.ts'
import { putRequest } from '../../durable/inbox.ts'
import type { ElevationClass } from '../../protocol/permissions.ts'
import type { Ask } from '../../protocol/requests.ts'
import { type Grant, grantType } from '../../protocol/tokens.ts'
import { createSigner, generateKey, type Signer } from '../../wire/tokens.ts'
import { until } from './until.ts'

const source = join(import.meta.dirname, '..', '..', 'cli/main.ts')
export const issuer = 'http://hub.test'
export const site = 'test'

export type Status = { readonly id: string; readonly state: string; readonly code: string | null }

export type DaemonSite = {
  readonly dir: string
  readonly layout: ReturnType<typeof siteLayout>
  readonly config: ReturnType<typeof parseConfig>
  readonly configFile: string
  readonly jobRoot: (account: string) => string
  /** The hub's. */
  readonly signer: Signer
  /** A grant as the hub signs it; `claims` overrides what a liar would. */
  readonly grant: (
    ask: Partial<Ask>,
    claims?: Partial<Grant>,
  ) => Promise<{ readonly id: string; readonly grant: string }>
  readonly put: (body: { readonly id: string; readonly [key: string]: unknown }) => Promise<void>
  /** Puts a granted request and waits for its public answer. */
  readonly ask: (ask: Partial<Ask>, claims?: Partial<Grant>) => Promise<Status>
  readonly answer: (id: string) => Promise<Status>
  readonly audit: () => Promise<string>
  /** Runs at the end of the test, before the directory goes. */
  readonly atEnd: (work: () => Promise<unknown> | unknown) => void
}

const parseConfig = (value: unknown) => daemonConfig.parse(value)

const readStatus = async (layout: DaemonSite['layout'], id: string): Promise<Status | undefined> => {
  for (const dir of [layout.finished, layout.error]) {
    const text = await readFile(join(dir, id, 'status.json'), 'utf8').catch(() => undefined)
    if (text !== undefined) return JSON.parse(text) as Status
  }
  return undefined
}

export const elevated = (elevationClass: ElevationClass): Partial<Grant> => ({
  elevation: { class: elevationClass, until: Date.now() + 60_000 },
})

/** Whoever has something to be done at the end: a test, or a row of the bench. */
export type Ending = Pick<TestContext, 'after'>

export const daemonSite = async (
  t: Ending,
  settings: {
    /** `ACCOUNT/WORKFLOW` → definition. */
    readonly workflows: Readonly<Record<string, string>>
    readonly siteFile?: string
    readonly autoplay?: boolean
    /** The `plugins:` part of its configuration. */
    readonly plugins?: Readonly<Record<string, unknown>>
    /** The `copies:` part, for a site in this directory. */
    readonly copies?: (dir: string) => Readonly<Record<string, unknown>>
    readonly auditSinks?: readonly { readonly name: string; readonly to: string }[]
    /** The program of the accounts' agents; the sources' without it. */
    readonly agent?: string
  },
): Promise<DaemonSite> => {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'seneschal-daemon-')))
  const layout = siteLayout(join(dir, 'site'))
  const accounts = [...new Set(Object.keys(settings.workflows).map((name) => name.split('/')[0] ?? ''))]
  const homes = accounts.map((account) => join(dir, 'home', account))
  for (const home of homes) await mkdir(home, { recursive: true })
  for (const [name, text] of Object.entries(settings.workflows)) {
    await mkdir(join(dir, 'definitions', name), { recursive: true })
    await writeFile(join(dir, 'definitions', name, 'workflow.yaml'), text)
  }
  await writeFile(
    join(dir, 'site.yaml'),
    settings.siteFile ?? 'permissions: { read: [everyone], execute: [everyone], write: ["user:admin"] }\n',
  )
  const signer = await createSigner(await generateKey())
  await writeFile(join(dir, 'jwks.json'), JSON.stringify(signer.jwks()))
  const value = {
    site,
    root: join(dir, 'site'),
    definitions: join(dir, 'definitions'),
    siteFile: join(dir, 'site.yaml'),
    hubKeys: join(dir, 'jwks.json'),
    issuer,
    autoplay: settings.autoplay ?? true,
    unsafeSingleUser: true,
    ...(settings.plugins === undefined ? {} : { plugins: settings.plugins }),
    ...(settings.copies === undefined ? {} : { copies: settings.copies(dir) }),
    ...(settings.auditSinks === undefined
      ? {}
      : { auditSinks: settings.auditSinks, checkpointEvery: 'PT1S' }),
    poll: { inbox: 'PT0.2S', files: 'PT0.5S', jobs: 'PT1S' },
    accounts: Object.fromEntries(
      accounts.map((account, index) => [
        account,
        {
          transport: {
            kind: 'local',
            command: [process.execPath, settings.agent ?? source, 'agent', '--role', 'daemon'],
            env: { HOME: homes[index] },
          },
        },
      ]),
    ),
  }
  // YAML reads JSON.
  await writeFile(join(dir, 'daemon.yaml'), JSON.stringify(value))
  const ends: (() => Promise<unknown> | unknown)[] = []
  t.after(async () => {
    for (const end of ends.reverse()) await end()
    await endProcessesAt(homes)
    await rm(dir, { recursive: true, force: true, maxRetries: 5 })
  })

  const grant: DaemonSite['grant'] = async (ask, claims = {}) => {
    const id = claims.jti ?? randomUUID()
    const now = Math.floor(Date.now() / 1000)
    const token = await signer.sign(grantType, {
      iss: issuer,
      aud: site,
      sub: 'jacintar',
      groups: [],
      session: 'session-1',
      elevation: { class: 'execute', until: Date.now() + 60_000 },
      policy: 1,
      audit: '1:0',
      request: { action: 'hold', account: accounts[0] ?? '', args: {}, ...ask },
      iat: now,
      exp: now + 60,
      ...claims,
      jti: id,
    })
    return { id, grant: token }
  }
  const put: DaemonSite['put'] = (body) =>
    putRequest({ temp: layout.temp, inbox: layout.inbox, id: body.id, body })
  const answer = async (id: string): Promise<Status> => {
    let status: Status | undefined
    await until(async () => {
      status = await readStatus(layout, id)
      return status !== undefined
    })
    if (status === undefined) throw new Error('unreachable')
    return status
  }
  return {
    atEnd: (work) => ends.push(work),
    signer,
    dir,
    layout,
    config: parseConfig(value),
    configFile: join(dir, 'daemon.yaml'),
    jobRoot: (account) => join(dir, 'home', account, 'seneschal-run'),
    grant,
    put,
    answer,
    ask: async (ask, claims) => {
      const made = await grant(ask, claims)
      await put({ version: 1, ...made })
      return answer(made.id)
    },
    audit: async () => {
      const day = new Date().toISOString().slice(0, 10).replaceAll('-', '')
      return readFile(join(layout.audit, `audit-daemon-main-${day}.ndjson`), 'utf8')
    },
  }
}

export type DaemonProcess = {
  readonly child: ChildProcess
  readonly output: () => string
  /** Resolves with the code, or the signal's name. */
  readonly ended: Promise<number | string>
}

/** The daemon as its command starts it, from the sources or from a built program. */
export const spawnDaemon = (daemon: DaemonSite, program: string = source): DaemonProcess => {
  const child = spawn(process.execPath, [program, 'daemon', '--config', daemon.configFile], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '', HOME: daemon.dir },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  const ended = new Promise<number | string>((resolve) =>
    child.once('exit', (code, signal) => resolve(signal ?? code ?? -1)),
  )
  return { child, output: () => output, ended }
}
