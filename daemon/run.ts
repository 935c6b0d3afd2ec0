/** The daemon as a process: its log, its signals, its ways to the accounts' hosts. */
import { realpathSync } from 'node:fs'
import { SeneschalError } from '../protocol/errors.ts'
import { createLocalTransport } from '../wire/local-transport.ts'
import type { SshConnectionOptions } from '../wire/ssh-connection.ts'
import { createSshGate, type SshGate } from '../wire/ssh-gate.ts'
import { createSshTransport } from '../wire/ssh-transport.ts'
import type { AccountConfig, DaemonConfig } from './config.ts'
import { openLog } from './log.ts'
import { createDaemon, type DaemonDeps } from './main.ts'
import { installationOf } from './plugins/installation.ts'

type SshTransportConfig = Extract<AccountConfig['transport'], { readonly kind: 'ssh' }>

/** The way to an account's host. */
export const sshConnectionOf = (
  account: string,
  user: string | undefined,
  transport: SshTransportConfig,
  gate: SshGate,
): SshConnectionOptions => ({
  host: transport.host,
  port: transport.port,
  username: transport.username ?? user ?? account,
  privateKey: { file: transport.keyFile },
  hostKeys: transport.hostKeys,
  gate,
})

export const createTransports = (now: () => number): DaemonDeps['createTransport'] => {
  const gate = createSshGate({ now, random: Math.random })
  return (account, { transport, user }: AccountConfig) =>
    transport.kind === 'local'
      ? createLocalTransport({
          command: transport.command as [string, ...string[]],
          env: { ...process.env, ...transport.env },
        })
      : createSshTransport(sshConnectionOf(account, user, transport, gate))
}

/** Until SIGTERM or SIGINT; the exit code. */
export const runDaemon = async (config: DaemonConfig, configFile?: string): Promise<number> => {
  const { getuid, getgid } = process
  if (getuid === undefined || getgid === undefined)
    throw new SeneschalError('usage', 'The daemon needs a Unix system.')
  const opened = openLog(config.log)
  const { log } = opened
  const now = () => Date.now()
  // Whatever is meant for a group gets its mode by name; nothing is open by accident.
  process.umask(0o027)
  const daemon = createDaemon(config, {
    now,
    monotonic: () => performance.now(),
    log,
    uid: getuid(),
    gid: getgid(),
    random: Math.random,
    createTransport: createTransports(now),
    installation: installationOf(process.execPath, realpathSync(process.argv[1] ?? '')),
    home: process.env.HOME,
    ...(configFile === undefined ? {} : { configFile }),
    path: process.env.PATH,
  })
  process.on('SIGHUP', () => {
    try {
      opened.reopen()
      daemon.reopen()
      log.info({}, 'logs were opened anew')
    } catch (err) {
      log.error({ err }, 'a log cannot be opened anew; the former one goes on')
    }
  })
  const asked = Promise.withResolvers<string>()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => asked.resolve(name))
  try {
    const early = await Promise.race([daemon.start().then(() => undefined), asked.promise])
    if (early !== undefined) {
      log.info({ signal: early }, 'ending before the start was through')
      await daemon.stop()
      // What is still starting, such as a plugin that hangs, promised nothing to anybody.
      process.exit(0)
    }
  } catch (error) {
    await daemon.stop()
    throw error
  }
  const ended = await Promise.race([asked.promise, daemon.lost])
  if (typeof ended === 'string') log.info({ signal: ended }, 'ending')
  else log.error({ err: ended }, 'ending at once: nothing may be written any more')
  await daemon.stop()
  return typeof ended === 'string' ? 0 : 1
}
