/** Users of the host who are no account: whoever may ask for plugin runs under their own name. */
import { accountPattern } from '../protocol/ids.ts'
import { getent, type Lookup } from './accounts.ts'
import type { DaemonConfig } from './config.ts'

/** A name that changed, or came or went, is known after this long, ms. */
const keptMs = 60_000
const mostKept = 1000

export type StrangerParts = {
  readonly accounts: DaemonConfig['accounts']
  readonly lookup?: Lookup | undefined
  readonly now: () => number
}

/**
 * Name by uid. Not root, nobody whose name is an account's, and nobody whose name could not be one's. However much
 * somebody asks for, the name service is asked for them once a minute. Rejects where it cannot be asked.
 */
export const createStrangers = ({
  accounts,
  lookup = getent,
  now,
}: StrangerParts): ((uid: number) => Promise<string | undefined>) => {
  const known = new Map<number, { readonly name: Promise<string | undefined>; readonly until: number }>()

  const find = async (uid: number): Promise<string | undefined> => {
    const passwd = await lookup('passwd', String(uid))
    const [name = ''] = passwd ?? []
    const isThat = Number(passwd?.[2]) === uid && accountPattern.test(name)
    return isThat && !Object.hasOwn(accounts, name) ? name : undefined
  }

  return async (uid) => {
    if (uid === 0) return undefined
    const found = known.get(uid)
    if (found !== undefined && now() < found.until) return found.name
    const name = find(uid)
    known.delete(uid)
    known.set(uid, { name, until: now() + keptMs })
    for (const oldest of known.keys()) {
      if (known.size <= mostKept) break
      known.delete(oldest)
    }
    try {
      return await name
    } catch (error) {
      if (known.get(uid)?.name === name) known.delete(uid)
      throw error
    }
  }
}
