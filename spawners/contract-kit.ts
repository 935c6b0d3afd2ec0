/**
 * The contract as a table of trials on real servers: for those who write spawners (`seneschal spawner check`), and for
 * our own. Each trial says what was promised; a failed one, what came instead.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SpawnSettings } from '../protocol/agent.ts'
import { SeneschalError } from '../protocol/errors.ts'
import type { Handle, Spawner, StartProgress } from './contract.ts'

export type SpawnerUnderTest = {
  /** A new one each time, as after a restart of the hub. */
  readonly open: () => Promise<Spawner>
  /** Whose servers are started. None of it may run, and nobody else may start one meanwhile. */
  readonly account: string
  readonly site: SpawnSettings['site']
  /** Within which a server has to be up, ms. */
  readonly patience?: number
}

export type Finding = { readonly what: string; readonly ok: boolean; readonly detail: string }

type Bench = {
  readonly parts: SpawnerUnderTest
  readonly open: () => Promise<Spawner>
  readonly start: (spawner: Spawner, listener?: (event: StartProgress) => void) => Promise<Handle>
  readonly settings: () => SpawnSettings
  /** Rejects after the patience that was asked for. */
  readonly signal: () => AbortSignal
}

const must = (truth: boolean, instead: string): void => {
  if (!truth) throw new Error(instead)
}

const stateOf = async (spawner: Spawner, handle: Handle, signal: AbortSignal): Promise<string> =>
  (await spawner.poll(handle, signal)).state

/** The code with which something was refused. */
const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise
    return 'no refusal'
  } catch (thrown) {
    return thrown instanceof SeneschalError ? thrown.code : String(thrown)
  }
}

/** One HTTP request as the hub would send it, less its assertion: any HTTP answer shows who is at the other end. */
const speaksHttp = async (spawner: Spawner, handle: Handle, signal: AbortSignal): Promise<void> => {
  const stream = await spawner.dial(handle, signal)
  try {
    stream.on('error', () => undefined)
    stream.write('GET / HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n')
    const [first] = (await once(stream, 'data', { signal })) as [Buffer]
    const line = first.toString('latin1').split('\r\n', 1)[0] ?? ''
    must(/^HTTP\/1\.1 \d{3} /.test(line), `a stream whose first line is ${JSON.stringify(line.slice(0, 80))}`)
  } finally {
    stream.destroy()
  }
}

const another = (handle: Handle): Handle => ({ ...handle, instance: randomBytes(16).toString('hex') })
const stored = (handle: Handle): Handle => JSON.parse(JSON.stringify(handle)) as Handle
const sameJson = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other)

const trials: readonly {
  readonly what: string
  readonly run: (bench: Bench) => Promise<string>
}[] = [
  {
    what: 'a handle is told before anything is launched, as plain JSON, with the host’s name',
    run: async ({ open, settings, signal }) => {
      const spawner = await open()
      const wanted = settings()
      let told: StartProgress | undefined
      let before = 'no handle'
      const handle = await spawner.start(
        wanted.account,
        wanted,
        async (event) => {
          if (event.handle === undefined) return
          told = event
          before = await stateOf(spawner, event.handle, signal())
        },
        signal(),
      )
      must(before === 'exited', `when it was told there was: ${before}`)
      must(told?.handle?.instance === wanted.instance, 'its instance is not that of the settings')
      must(typeof told?.host === 'string' && told.host !== '', 'no host was named')
      must(sameJson(stored(handle), handle), 'the handle does not survive JSON')
      must(
        (await stateOf(spawner, told?.handle ?? handle, signal())) === 'running',
        'it does not find the server',
      )
      return `on ${told?.host}`
    },
  },
  {
    what: 'a stream leads to the server, eight at once as well',
    run: async ({ open, start, signal }) => {
      const spawner = await open()
      const handle = await start(spawner)
      await speaksHttp(spawner, handle, signal())
      await Promise.all(Array.from({ length: 8 }, () => speaksHttp(spawner, handle, signal())))
      return 'each was answered'
    },
  },
  {
    what: 'a start beside a running server finds that one',
    run: async ({ open, start }) => {
      const spawner = await open()
      const first = await start(spawner)
      const second = await start(spawner)
      must(second.instance === first.instance, 'there are two')
      return first.instance
    },
  },
  {
    what: 'two hubs that start at the same time get one server',
    run: async ({ open, start }) => {
      const [one, other] = [await open(), await open()]
      const [first, second] = await Promise.all([start(one), start(other)])
      must(first.instance === second.instance, 'there are two')
      return first.instance
    },
  },
  {
    what: 'a hub that comes back finds the server by the handle that it stored',
    run: async ({ open, start, signal }) => {
      const gone = await open()
      const handle = stored(await start(gone))
      await gone.close()
      const back = await open()
      must((await stateOf(back, handle, signal())) === 'running', 'close() ended the server')
      await speaksHttp(back, handle, signal())
      return 'polled and dialled'
    },
  },
  {
    what: 'a handle of another run finds nothing, dials nothing and stops nothing',
    run: async ({ open, start, signal }) => {
      const spawner = await open()
      const handle = await start(spawner)
      const other = another(handle)
      must((await stateOf(spawner, other, signal())) === 'exited', 'poll says that it is there')
      const code = await codeOf(spawner.dial(other, signal()))
      must(code === 'server.off', `dial: ${code}, not server.off`)
      await spawner.stop(other, signal())
      must((await stateOf(spawner, handle, signal())) === 'running', 'the present server was stopped')
      return 'server.off'
    },
  },
  {
    what: 'a stop ends the server, can be said twice, and nothing is dialled afterwards',
    run: async ({ open, start, signal }) => {
      const spawner = await open()
      const handle = await start(spawner)
      await spawner.stop(handle, signal())
      must((await stateOf(spawner, handle, signal())) === 'exited', 'poll says that it is there')
      await spawner.stop(handle, signal())
      const code = await codeOf(spawner.dial(handle, signal()))
      must(code === 'server.off', `dial: ${code}, not server.off`)
      return 'stopped twice'
    },
  },
  {
    what: 'a start that is given up leaves nothing',
    run: async ({ open, parts, settings, signal }) => {
      const spawner = await open()
      const giveUp = new AbortController()
      const reason = new Error('given up')
      let told: Handle | undefined
      const starting = spawner.start(
        parts.account,
        settings(),
        ({ handle }) => {
          told ??= handle
          giveUp.abort(reason)
        },
        giveUp.signal,
      )
      const thrown = await starting.then(
        () => undefined,
        (error: unknown) => error,
      )
      must(thrown === reason, `it rejects with ${String(thrown)}, not with the signal’s reason`)
      if (told === undefined) return 'nothing was told'
      const late = signal()
      for (
        ;
        (await stateOf(spawner, told, late)) !== 'exited';
        await sleep(100, undefined, { signal: late })
      );
      return 'no server is left'
    },
  },
  {
    what: 'names that are no accounts are refused before anything runs',
    run: async ({ open, settings, signal }) => {
      const spawner = await open()
      for (const account of ['-oProxyCommand=id', '../else', 'a b', '$(id)', 'a\nb', '', 'ROOT']) {
        let launched = false
        const tell = ({ handle }: StartProgress) => {
          launched ||= handle !== undefined
        }
        const code = await codeOf(spawner.start(account, { ...settings(), account }, tell, signal()))
        must(code === 'account.unknown', `${JSON.stringify(account)}: ${code}, not account.unknown`)
        must(!launched, `${JSON.stringify(account)}: a handle was told`)
      }
      return 'account.unknown'
    },
  },
]

/** Runs every trial, one after another, and leaves no server. `tell` is called after each. */
export const checkSpawner = async (
  parts: SpawnerUnderTest,
  tell: (finding: Finding) => void,
): Promise<boolean> => {
  const patience = parts.patience ?? 60_000
  let allWell = true
  for (const { what, run } of trials) {
    const spawners: Spawner[] = []
    const told: Handle[] = []
    const settings = (): SpawnSettings => ({
      version: 1,
      account: parts.account,
      instance: randomBytes(16).toString('hex'),
      site: parts.site,
      hubKeys: { keys: [] },
      issuer: 'https://spawner-check.invalid',
      idleMinutes: 5,
    })
    const signal = () => AbortSignal.timeout(patience)
    const open = async (): Promise<Spawner> => {
      const made = await parts.open()
      const watched: Spawner = {
        ...made,
        start: (account, wanted, progress, until) =>
          made.start(
            account,
            wanted,
            async (event) => {
              if (event.handle !== undefined) told.push(event.handle)
              await progress(event)
            },
            until,
          ),
      }
      spawners.push(watched)
      return watched
    }
    const start: Bench['start'] = (spawner, listener = () => undefined) => {
      const wanted = settings()
      return spawner.start(wanted.account, wanted, listener, signal())
    }
    let finding: Finding
    try {
      finding = { what, ok: true, detail: await run({ parts, open, start, settings, signal }) }
    } catch (thrown) {
      finding = { what, ok: false, detail: thrown instanceof Error ? thrown.message : String(thrown) }
    }
    try {
      const last = spawners.at(-1)
      for (const handle of last === undefined ? [] : told) await last?.stop(handle, signal())
    } catch (thrown) {
      finding = { what, ok: false, detail: `${finding.detail}; afterwards: ${String(thrown)}` }
    }
    for (const spawner of spawners) await spawner.close()
    allWell &&= finding.ok
    tell(finding)
  }
  return allWell
}
