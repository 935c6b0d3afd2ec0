/**
 * The holder's own word in its own file. A takeover puts another file in its place, so whatever a holder that was
 * stopped half way writes when it goes on reaches nobody: a rename there would take the state back.
 */
import { constants, readFile } from 'node:fs'
import { promisify } from 'node:util'
import { type Disk, realDisk } from '../../durable/disk.ts'
import { closeFile, openFile } from '../../durable/lines.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { type Lease, leaseFile, leaseText, writeLease } from './lease.ts'

const readText = promisify(readFile)

export type OwnLease = {
  /** Replaces what stands there; whoever took over is not touched. */
  readonly say: (lease: Lease) => Promise<void>
  readonly close: () => Promise<void>
}

/** Takes the lease's place. Throws `lease.lost` where somebody else did at the same moment. */
export const putLease = async (
  state: string,
  lease: Lease,
  disk: Pick<Disk, 'write' | 'sync'> = realDisk,
): Promise<OwnLease> => {
  await writeLease(state, lease)
  const fd = await openFile(leaseFile(state), constants.O_RDWR | constants.O_NOFOLLOW)
  if ((await readText(fd, 'utf8')) !== leaseText(lease)) {
    await closeFile(fd)
    throw new SeneschalError('lease.lost', 'Somebody else took it at the same moment.')
  }
  return {
    say: async (next) => {
      await disk.write(fd, Buffer.from(leaseText(next)), 0)
      await disk.sync(fd)
    },
    close: () => closeFile(fd),
  }
}
