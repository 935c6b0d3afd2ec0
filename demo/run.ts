/** `seneschal demo`: starts a site, says where it is, ends all of it on Ctrl-C. */
import { once } from 'node:events'
import { version } from '../protocol/version.ts'
import type { Layout } from './layout.ts'
import { people } from './people.ts'

export type DemoOptions = {
  readonly port: number
  readonly dir: string
  readonly fresh: boolean
  /** ISO 8601 duration of raised privileges. */
  readonly elevation: string
  readonly say: (line: string) => void
  /** Aborted where it is ended before it is up. */
  readonly signal: AbortSignal
}

export type Demo = {
  readonly url: string
  readonly layout: Layout
  /** Said once after the start. */
  readonly note: string
  readonly stop: () => Promise<void>
}

/** Aborted by Ctrl-C and its like. */
const untilAsked = (): AbortSignal => {
  const asked = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => asked.abort(name))
  return asked.signal
}

export const runDemo = async (
  options: Omit<DemoOptions, 'say' | 'signal'> & { readonly ssh: boolean; readonly clean: boolean },
): Promise<number> => {
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  if (options.clean) {
    const { cleanSsh } = await import('./ssh.ts')
    await cleanSsh(options.dir, say)
    return 0
  }
  const signal = untilAsked()
  say(`Seneschal ${version}: starting a demonstration site in ${options.dir}`)
  say(
    'DEMONSTRATION ONLY: everybody’s password is their name, and the identity provider speaks plain HTTP on loopback.',
  )
  const start = options.ssh ? (await import('./ssh.ts')).startSsh : (await import('./local.ts')).startLocal
  let demo: Demo
  try {
    demo = await start({ ...options, say, signal })
  } catch (thrown) {
    if (!signal.aborted) throw thrown
    say('Ended before it was up.')
    return 1
  }
  say(demo.note)
  say(
    `Ready: ${demo.url} — sign in as ${people.map(({ name, note }) => `${name} (${note})`).join(', ')}. Ctrl-C ends it.`,
  )
  if (!signal.aborted) await once(signal, 'abort')
  say('Ending…')
  await demo.stop()
  say('Ended.')
  return 0
}
