/** Who holds a site's state: one small file that says it to other hosts, and the number that fences the one before. */
import { join } from 'node:path'
import { z } from 'zod/mini'
import { readJsonFile, writeFileAtomic } from '../../durable/files.ts'
import type { ProcessId } from '../../runners/processes.ts'

export const lease = z.readonly(
  z.strictObject({
    v: z.literal(1),
    /** Goes up with each holder; whoever finds a higher one than its own writes nothing any more. */
    epoch: z.number().check(z.int(), z.nonnegative()),
    /** Goes up when somebody takes over from a holder that cannot be asked; names the file that is locked. */
    takeovers: z.number().check(z.int(), z.nonnegative()),
    host: z.string(),
    /** Boot, number and start of the holder's process; pid 0 after a takeover, until somebody starts. */
    boot: z.string(),
    pid: z.number().check(z.int(), z.nonnegative()),
    start: z.string(),
    /** Epoch, ms. */
    started: z.number(),
    renewed: z.number(),
  }),
)
export type Lease = z.infer<typeof lease>

/** Whoever holds it says so this often, ms. */
export const renewEvery = 5000
/** A holder on another host that has said nothing for so long may be taken over without being asked, ms. */
export const staleAfter = 60_000

export const leaseFile = (state: string): string => join(state, 'lease')
/** The process alone, for tools that read nothing else. The lease says whether it is still that one. */
export const pidFile = (state: string): string => join(state, 'seneschald.pid')
export const lockFile = (state: string, takeovers: number): string => join(state, `lock-${takeovers}`)

/** Undefined before the first start. Throws `input.invalid` for what is no lease: nobody guesses an epoch. */
export const readLease = (state: string): Promise<Lease | undefined> => readJsonFile(leaseFile(state), lease)

/** Always as long, so that one can be written over another in place. */
export const leaseText = (value: Lease): string => `${JSON.stringify(value).padEnd(1023)}\n`

export const writeLease = (state: string, value: Lease): Promise<void> =>
  writeFileAtomic(leaseFile(state), leaseText(value), { mode: 0o600 })

/** Whether it is the same holder's; when it was heard of last does not matter. */
export const isSameHolder = (a: Lease, b: Lease): boolean =>
  a.epoch === b.epoch && a.host === b.host && a.boot === b.boot && a.pid === b.pid && a.start === b.start

export const processOf = ({ pid, start, boot }: Lease): ProcessId => ({ pid, start, boot })

/**
 * Fences whoever holds it now, and leaves it to the next start: for `takeover` and `restore`. Resolves to what stands
 * there then.
 */
export const raiseEpoch = async (
  state: string,
  by: { readonly host: string; readonly now: number },
): Promise<Lease> => {
  const before = await readLease(state)
  const raised: Lease = {
    v: 1,
    epoch: (before?.epoch ?? 0) + 1,
    takeovers: (before?.takeovers ?? 0) + 1,
    ...{ host: by.host, boot: '', pid: 0, start: '', started: by.now, renewed: 0 },
  }
  await writeLease(state, raised)
  return raised
}
