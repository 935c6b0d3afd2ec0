/** A chain that still takes what must not wait when the disk is full, from room that was kept for it. */
import type { AuditEntry, AuditRecord } from '../protocol/audit.ts'
import { SeneschalError } from '../protocol/errors.ts'
import type { Chain } from './chain.ts'
import { isOutOfRoom, openReserve } from './reserve.ts'

export type ChainHealth = {
  /** False since a record could not be written, until there is room again. */
  readonly writable: boolean
  /** Bytes that are kept for what is urgent. */
  readonly reserve: number
}

export type ReservedChain = Omit<Chain, 'append'> & {
  /** As a chain's. Once the disk was full, only urgent ones are taken until the reserve is whole again. */
  readonly append: (entry: AuditEntry, urgent: boolean) => Promise<AuditRecord>
  /** Looks whether there is room again, where there was none. */
  readonly probe: () => Promise<void>
  readonly health: () => ChainHealth
}

export const reserveFor = async (
  chain: Chain,
  settings: { readonly dir: string; readonly bytes: number },
): Promise<ReservedChain> => {
  const reserve = await openReserve(settings.dir, settings.bytes)
  let full = false
  let failing = false
  let refilling: Promise<void> | undefined
  let giving: Promise<boolean> | undefined

  const probe = (): Promise<void> => {
    refilling ??= reserve
      .refill()
      .then((whole) => {
        if (whole) full = false
      })
      .finally(() => {
        refilling = undefined
      })
    return refilling
  }
  const give = (): Promise<boolean> => {
    giving ??= reserve.give().finally(() => {
      giving = undefined
    })
    return giving
  }
  const attempt = async (entry: AuditEntry): Promise<AuditRecord> => {
    try {
      const record = await chain.append(entry)
      failing = false
      return record
    } catch (thrown) {
      failing = true
      full ||= isOutOfRoom(thrown)
      throw thrown
    }
  }
  return {
    head: chain.head,
    last: chain.last,
    health: () => ({ writable: !full && !failing, reserve: reserve.left() }),
    probe: async () => {
      if (full) await probe()
      if (!full) failing = false
    },
    append: async (entry, urgent) => {
      if (full && !urgent) {
        await probe()
        // What little room there is belongs to others.
        if (full) throw new SeneschalError('audit.unwritable')
      }
      for (;;)
        try {
          return await attempt(entry)
        } catch (thrown) {
          if (!urgent || !isOutOfRoom(thrown) || !(await give())) throw thrown
        }
    },
    close: async () => {
      await chain.close()
      await Promise.allSettled([refilling, giving])
      await reserve.close()
    },
  }
}
