/** What all connections of a process to SSH hosts share, so that they do not get in each other's way. */
import { SeneschalError } from '../protocol/errors.ts'

export type SshGate = {
  /** Runs `work` when fewer than 8 handshakes with that host are under way; waits no longer than `signal`. */
  readonly handshake: <T>(host: string, signal: AbortSignal, work: () => Promise<T>) => Promise<T>
  /** Throws `ssh.auth-failed` while the account's key is not to be tried on that host. */
  readonly mayTry: (login: string) => void
  readonly accepted: (login: string) => void
  readonly refused: (login: string) => void
  /** How long to wait before the nth attempt after a dropped connection, ms. */
  readonly pause: (attempt: number) => number
}

export type SshGateDeps = {
  /** Epoch, ms. */
  readonly now: () => number
  /** In [0, 1). */
  readonly random: () => number
  /**
   * sshd drops unauthenticated connections at random from the tenth on (MaxStartups 10:30:100); eight leave
   * room for others.
   */
  readonly handshakesPerHost?: number
  /** Two refusals in a row, and the account is left alone so long, ms: sites ban hosts for more. */
  readonly backOff?: number
}

export const createSshGate = (deps: SshGateDeps): SshGate => {
  const limit = deps.handshakesPerHost ?? 8
  const backOff = deps.backOff ?? 10 * 60_000
  const busy = new Map<string, { running: number; readonly waiting: (() => void)[] }>()
  const refusals = new Map<string, { readonly count: number; readonly until: number }>()

  const enter = async (host: string, signal: AbortSignal): Promise<() => void> => {
    const lane = busy.get(host) ?? { running: 0, waiting: [] }
    busy.set(host, lane)
    const leave = () => {
      // A slot passes straight to the next in line, so `running` stays as it is.
      const next = lane.waiting.shift()
      if (next !== undefined) return next()
      lane.running -= 1
      if (lane.running === 0) busy.delete(host)
    }
    if (lane.running < limit) {
      lane.running += 1
      return leave
    }
    await new Promise<void>((resolve, reject) => {
      const go = () => {
        signal.removeEventListener('abort', abort)
        resolve()
      }
      const abort = () => {
        lane.waiting.splice(lane.waiting.indexOf(go), 1)
        reject(signal.reason)
      }
      signal.addEventListener('abort', abort, { once: true })
      lane.waiting.push(go)
    })
    return leave
  }

  return {
    handshake: async (host, signal, work) => {
      signal.throwIfAborted()
      const leave = await enter(host, signal)
      try {
        return await work()
      } finally {
        leave()
      }
    },
    mayTry: (login) => {
      const past = refusals.get(login)
      if (past === undefined || deps.now() >= past.until) return
      const minutes = Math.ceil((past.until - deps.now()) / 60_000)
      throw new SeneschalError('ssh.auth-failed', `Not tried again for another ${minutes} min.`)
    },
    accepted: (login) => {
      refusals.delete(login)
    },
    refused: (login) => {
      const count = (refusals.get(login)?.count ?? 0) + 1
      refusals.set(login, { count, until: count < 2 ? 0 : deps.now() + backOff })
    },
    pause: (attempt) => Math.min(2000, 100 * 2 ** attempt) * (0.5 + deps.random()),
  }
}
