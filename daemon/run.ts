/** seneschald as a process: log, signals, the ways to accounts. */
import { pino } from 'pino'
import { SeneschalError } from '../protocol/errors.ts'
import { version } from '../protocol/version.ts'
import { createLocalTransport } from '../wire/local-transport.ts'
import { createSshGate } from '../wire/ssh-gate.ts'
import { createSshTransport } from '../wire/ssh-transport.ts'
import type { DaemonConfig } from './config.ts'
import { createDaemon, type DaemonDeps } from './main.ts'

const transports = (): DaemonDeps['createTransport'] => {
  const gate = createSshGate({ now: Date.now, random: Math.random })
  return (account, { transport, user }) =>
    transport.kind === 'local'
      ? createLocalTransport({ command: transport.command, env: { ...process.env, ...transport.env } })
      : createSshTransport({
          host: transport.host,
          port: transport.port,
          username: transport.username ?? user ?? account,
          privateKey: { file: transport.keyFile },
          hostKeys: transport.hostKeys,
          gate,
        })
}

/** Runs until SIGTERM or SIGINT; resolves with the exit code. */
export const runDaemon = async (config: DaemonConfig): Promise<number> => {
  const uid = process.getuid?.()
  if (uid === undefined) throw new SeneschalError('config.invalid', 'The daemon needs a Unix system.')
  const log = pino({ level: 'info', base: { part: 'daemon', version } })
  const stopped = new Promise<NodeJS.Signals>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve(name))
  })
  const daemon = createDaemon(config, { now: Date.now, log, uid, createTransport: transports() })
  await daemon.start()
  log.info({ root: config.root }, 'started')
  const signal = await stopped
  log.info({ signal }, 'stopping; jobs go on')
  await daemon.stop()
  log.info({}, 'stopped')
  return 0
}
