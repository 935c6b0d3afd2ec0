/** Puts the parts of copies together for one daemon: who runs copiers, and where progress is shown. */
import type { CopyProgress } from '../../protocol/copies.ts'
import type { DaemonConfig } from '../config.ts'
import type { DaemonEvent } from '../events.ts'
import type { Installation } from '../plugins/installation.ts'
import type { Run } from '../plugins/runs.ts'
import { keyOfRun } from '../plugins/runs.ts'
import type { Publisher } from '../published.ts'
import { publicName } from '../requests.ts'
import type { DaemonState } from '../state.ts'
import { createSiteCopiers } from './attempt.ts'
import { type CopyExecutor, type CopyExecutorParts, createCopyExecutor } from './executor.ts'

type Parts = Pick<CopyExecutorParts, 'userOf' | 'commit' | 'now' | 'random'> & {
  readonly config: DaemonConfig
  readonly installation: Installation
  readonly path: string | undefined
  readonly state: DaemonState
  readonly publisher: Publisher
  readonly report: (where: string, what: unknown) => void
}

/** Of one request, ms: the file that everybody may read, and the line in the account's feed. */
const publicPause = 1000
const feedPause = 5000

export const startCopies = (parts: Parts): CopyExecutor => {
  const { installation, state, publisher, commit, now } = parts
  const shown = new Map<string, { published: number; fed: number }>()

  const onProgress = (run: Run, progress: CopyProgress): void => {
    const key = keyOfRun(run)
    if (!state.runs.byRequest.has(key)) return
    const at = now()
    const last = shown.get(key) ?? { published: 0, fed: 0 }
    const { uid, id } = run
    if (at - last.published >= publicPause) {
      last.published = at
      void publisher.publish(publicName(state.requests, run), {
        ...{ id, state: 'waiting', code: null, at, progress },
      })
    }
    if (at - last.fed >= feedPause) {
      last.fed = at
      const event: DaemonEvent = { kind: 'run-progress', at, uid, id, progress }
      commit([event]).catch((error) => parts.report('progress of copies', error))
    }
    shown.set(key, last)
    for (const old of shown.keys()) if (!state.runs.byRequest.has(old)) shown.delete(old)
  }

  return createCopyExecutor({
    ...parts,
    config: parts.config.copies,
    site: createSiteCopiers([installation.node, installation.entry[0], 'copier'], {
      PATH: parts.path ?? '/usr/local/bin:/usr/bin:/bin',
    }),
    onProgress: (run, _leaf, progress) => onProgress(run, progress),
    onProblem: (account, error) => parts.report(`copies of ${account}`, error),
  })
}
