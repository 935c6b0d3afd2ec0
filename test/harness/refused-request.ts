/** For attacks on the inbox: the lie is put in, refused with its code, and nobody is named for it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DaemonSite, Status } from './daemon.ts'
import { startDaemon } from './in-process-daemon.ts'

const definition =
  'schedule: { initial: 1, final: 2, recurrence: P1 }\ngraph: climb\ntasks: { climb: { script: "true" } }\n'

/** One account, one workflow that does not run; `lie` gives back the answer it got. */
export const refusedRequest = (
  what: string,
  code: string,
  lie: (site: DaemonSite) => Promise<Status>,
  also: (audit: string) => void = () => undefined,
): void => {
  test(what, async (t) => {
    const site = await startDaemon(t, {
      workflows: { 'atmosphere_stage/clouds': definition },
      autoplay: false,
    })
    const answer = await lie(site)
    assert.deepEqual([answer.state, answer.code], ['refused', code])
    const audit = await site.audit()
    assert.match(audit, new RegExp(`"code":"${code}"`))
    assert.doesNotMatch(audit, /action\.done/)
    assert.doesNotMatch(audit, /jacintar/)
    also(audit)
    assert.equal((await site.ask({ action: 'hold', workflow: 'clouds' })).state, 'done', 'others go on')
  })
}
