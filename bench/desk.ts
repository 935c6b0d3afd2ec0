/** A daemon as it is installed, with granted requests made beside its inbox: what rows about the daemon measure. */
import { randomUUIDv7 } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { siteLayout } from '../daemon/layout.ts'
import { grantType } from '../protocol/tokens.ts'
import { thriftyAllocator } from '../wire/environment.ts'
import { createSigner, generateKey, type Signer } from '../wire/tokens.ts'
import { type Program, profiling, startProgram } from './processes.ts'
import type { Bench } from './report/row.ts'
import { farProgram, makeLayout, siteProgram } from './site.ts'

export const account = 'atmosphere_stage'
const site = 'bench'
const issuer = 'http://hub.bench'
const definition =
  'schedule: { initial: 1, final: 1, recurrence: P1 }\ngraph: climb\ntasks: { climb: { script: "true" } }\n'
/** Each has requests of its own in order; among them nothing has to wait. */
export const workflows = Array.from({ length: 8 }, (_, index) => `clouds_${index}`)

export type Desk = {
  readonly daemon: Program
  readonly layout: ReturnType<typeof siteLayout>
  readonly staging: string
  readonly signer: Signer
}

export const startDesk = async (
  bench: Bench,
  settings: {
    /** Options of Node. */
    readonly options?: readonly string[]
    /** Done before the daemon starts for the first time. */
    readonly before?: (layout: Desk['layout']) => void
  } = {},
): Promise<Desk> => {
  const { dir, homes } = makeLayout(bench)
  const layout = siteLayout(join(dir, 'site'))
  const staging = join(dir, 'staging')
  mkdirSync(staging, { mode: 0o2755 })
  mkdirSync(join(homes, account))
  const definitions = join(dir, 'installed')
  for (const workflow of workflows) {
    mkdirSync(join(definitions, account, workflow), { recursive: true })
    writeFileSync(join(definitions, account, workflow, 'workflow.yaml'), definition)
  }
  const siteFile = join(dir, 'bench-site.yaml')
  writeFileSync(siteFile, 'permissions: { read: [everyone], execute: [everyone] }\n')
  const hubKeys = join(dir, 'jwks.json')
  const signer = await createSigner(await generateKey())
  writeFileSync(hubKeys, JSON.stringify(signer.jwks()))
  const command = [process.execPath, farProgram, 'agent', '--role', 'daemon']
  const transport = { kind: 'local', command, env: { HOME: join(homes, account) } }
  const config = {
    ...{ site, issuer, definitions, siteFile, hubKeys },
    root: join(dir, 'site'),
    unsafeSingleUser: true,
    accounts: { [account]: { transport } },
  }
  // YAML reads JSON.
  writeFileSync(join(dir, 'daemon.yaml'), JSON.stringify(config))
  settings.before?.(layout)
  const options = [...profiling(bench), ...(settings.options ?? [])]
  const daemon = await startProgram({
    command: process.execPath,
    args: [...options, siteProgram, 'daemon', '--config', join(dir, 'daemon.yaml')],
    // As its unit has it.
    env: thriftyAllocator,
    isUp: (output) => output.includes('"running"'),
  })
  bench.defer(daemon.stop)
  return { daemon, layout, staging, signer }
}

/** Hold and release by turns, so that each one changes something. Written beside the inbox; nothing sees them there. */
export const prepareRequests = async (
  { signer, staging }: Desk,
  count: number,
): Promise<readonly string[]> => {
  const names: string[] = []
  for (let index = 0; index < count; index += 1) {
    const id = randomUUIDv7()
    const iat = Math.floor(Date.now() / 1000)
    const workflow = workflows[index % workflows.length] ?? ''
    const action = Math.floor(index / workflows.length) % 2 === 0 ? 'hold' : 'release'
    const grant = await signer.sign(grantType, {
      ...{ iss: issuer, aud: site, sub: 'jacintar', groups: [], session: 's', policy: 1, audit: '1:0' },
      elevation: { class: 'execute', until: Date.now() + 600_000 },
      request: { action, account, workflow, args: {} },
      ...{ iat, exp: iat + 60, jti: id },
    })
    // In the order of their names, which is the order of their ids.
    writeFileSync(join(staging, `${id}.json`), JSON.stringify({ version: 1, id, grant }), { mode: 0o640 })
    names.push(`${id}.json`)
  }
  return names
}
