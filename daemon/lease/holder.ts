/** Who works on a state, as far as can be told from outside. */
import { isAlive } from '../../runners/processes.ts'
import { type Lease, processOf, readLease, staleAfter } from './lease.ts'

export type Holder = {
  /** The last one's, whether it still lives or not; undefined before the first start. */
  readonly lease: Lease | undefined
  /**
   * `here`: a process of this host. `elsewhere`: of another one, heard of lately. `silent`: of another one, and not
   * heard of any more. `nobody`: it ended, in order or not.
   */
  readonly presence: 'here' | 'elsewhere' | 'silent' | 'nobody'
}

export const findHolder = async (
  state: string,
  at: { readonly host: string; readonly boot: string; readonly now: number },
): Promise<Holder> => {
  const lease = await readLease(state)
  if (lease === undefined || lease.pid === 0) return { lease, presence: 'nobody' }
  if (lease.host === at.host)
    return { lease, presence: (await isAlive(processOf(lease), at.boot)) ? 'here' : 'nobody' }
  return { lease, presence: at.now - lease.renewed < staleAfter ? 'elsewhere' : 'silent' }
}
