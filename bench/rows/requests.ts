/** How many requests the daemon answers in a second: each one verified, decided, applied, durable, audited, published. */
import { randomUUIDv7 } from 'node:crypto'
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { siteLayout } from '../../daemon/layout.ts'
import { grantType } from '../../protocol/tokens.ts'
import { createSigner, generateKey, type Signer } from '../../wire/tokens.ts'
import { cpuTime, type Program, profiling, startProgram } from '../processes.ts'
import { takeTurns } from '../report/rounds.ts'
import { type Bench, judged, type Row } from '../report/row.ts'
import { farProgram, makeLayout, siteProgram } from '../site.ts'

const account = 'atmosphere_stage'
const site = 'bench'
const issuer = 'http://hub.bench'
const definition =
  'schedule: { initial: 1, final: 1, recurrence: P1 }\ngraph: climb\ntasks: { climb: { script: "true" } }\n'
/** Each has requests of its own in order; among them nothing has to wait. */
const workflows = Array.from({ length: 8 }, (_, index) => `clouds_${index}`)

type Desk = {
  readonly daemon: Program
  readonly layout: ReturnType<typeof siteLayout>
  readonly staging: string
  readonly signer: Signer
}

const startDesk = async (bench: Bench): Promise<Desk> => {
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
  const daemon = await startProgram({
    command: process.execPath,
    args: [...profiling(bench), siteProgram, 'daemon', '--config', join(dir, 'daemon.yaml')],
    isUp: (output) => output.includes('"running"'),
  })
  bench.defer(daemon.stop)
  return { daemon, layout, staging, signer }
}

/** Hold and release by turns, so that each one changes something. Written beside the inbox; nothing sees them there. */
const prepareRequests = async ({ signer, staging }: Desk, count: number): Promise<readonly string[]> => {
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

type Answered = { readonly perSecond: number; readonly cpu: number }

/** All of them appear at once; a file goes when its answer is on disk. */
const answerAll = async (desk: Desk, count: number): Promise<Answered> => {
  const { layout, staging, daemon } = desk
  const names = await prepareRequests(desk, count)
  const cpu = cpuTime(daemon.pid)
  const began = performance.now()
  for (const name of names) renameSync(join(staging, name), join(layout.inbox, name))
  while (readdirSync(layout.inbox).length > 0) {
    if (performance.now() - began > 120_000)
      throw new Error(`not answered within two minutes:\n${daemon.output()}`)
    await sleep(10)
  }
  const took = performance.now() - began
  const used = cpuTime(daemon.pid) - cpu
  const shown = [layout.finished, layout.error].flatMap((parent) =>
    readdirSync(parent).map((name) => join(parent, name)),
  )
  if (shown.length !== count) throw new Error(`${shown.length} answers to ${count} requests`)
  for (const path of shown) rmSync(path, { recursive: true })
  return { perSecond: count / (took / 1000), cpu: (used * 1000) / count }
}

export const requests: Row = {
  name: 'requests',
  title: 'granted requests answered durably by the daemon: from the inbox to its answer on disk',
  run: async (bench) => {
    const desk = await startDesk(bench)
    const count = bench.quick ? 400 : 4000
    const turns = await takeTurns(bench, 'requests', [
      { who: 'daemon', measure: () => answerAll(desk, count) },
    ])
    const rounds = turns.get('daemon') ?? []
    return {
      figures: [
        judged(
          {
            what: `${count.toLocaleString('en')} requests at once`,
            who: 'daemon',
            unit: '/s',
            rounds: rounds.map(({ perSecond }) => perSecond),
          },
          '≥ 2,000/s',
          (value) => value >= 2000,
        ),
        { what: 'CPU for each', who: 'daemon', unit: 'µs', rounds: rounds.map(({ cpu }) => cpu) },
      ],
      notes: [
        'hold and release by turns on eight workflows; one that finds nothing to change is refused, which is an answer too',
      ],
    }
  },
}
