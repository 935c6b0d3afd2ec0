/** A daemon within the test's own process, for tests that ask it many things. */
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { createDaemon, type Daemon, type Log } from '../../daemon/main.ts'
import { installationOf } from '../../daemon/plugins/installation.ts'
import { createLocalTransport } from '../../wire/local-transport.ts'
import { type DaemonSite, daemonSite } from './daemon.ts'

const root = join(import.meta.dirname, '..', '..')
export const quiet: Log = { info: () => undefined, warn: () => undefined, error: () => undefined }

export const startDaemon = async (
  t: TestContext,
  settings: Parameters<typeof daemonSite>[1] & {
    /** Before the daemon starts for the first time. */
    readonly before?: (site: DaemonSite) => Promise<void>
    /** The daemon's clock; the machine's without it. */
    readonly now?: () => number
  },
): Promise<DaemonSite & { readonly daemon: Daemon; readonly restart: () => Promise<void> }> => {
  const made = await daemonSite(t, settings)
  await settings.before?.(made)
  const create = () =>
    createDaemon(made.config, {
      now: settings.now ?? Date.now,
      monotonic: () => performance.now(),
      log: quiet,
      uid: process.getuid?.() ?? -1,
      gid: process.getgid?.() ?? -1,
      random: Math.random,
      installation: installationOf(process.execPath, join(root, 'cli/main.ts')),
      home: process.env.HOME,
      createTransport: (_account, { transport }) => {
        if (transport.kind !== 'local') throw new Error('this site has local transports only')
        return createLocalTransport({
          command: transport.command as [string, ...string[]],
          env: { ...process.env, ...transport.env },
        })
      },
    })
  let daemon = create()
  made.atEnd(() => daemon.stop())
  await daemon.start()
  return {
    ...made,
    get daemon() {
      return daemon
    },
    restart: async () => {
      await daemon.stop()
      daemon = create()
      await daemon.start()
    },
  }
}
