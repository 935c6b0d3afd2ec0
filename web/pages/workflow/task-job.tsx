/** One job of a task: its facts and its logs. */
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { logsBody } from '../../../protocol/api.ts'
import { jobKey } from '../../../protocol/ids.ts'
import type { JobRow } from '../../../protocol/rows.ts'
import { isActiveJob, JobGlyph } from '../../parts/job.tsx'
import { LogViewer } from '../../parts/log-viewer.tsx'
import { Elapsed, Time } from '../../parts/time.tsx'
import { query, setQuery } from '../../router.ts'
import { api } from '../../state/session.ts'
import { accountPath } from '../../state/workflow.ts'
import type { WorkflowContext } from './context.ts'

export const JobTabs = ({ jobs, chosen }: { readonly jobs: readonly JobRow[]; readonly chosen: JobRow }) => (
  <div class="job-tabs" role="group" aria-label="Jobs">
    {jobs.map((job) => (
      <button
        key={job.submit}
        type="button"
        aria-pressed={job === chosen}
        aria-label={`job ${job.submit}, ${job.state}`}
        onClick={() => setQuery({ job: String(job.submit) })}
      >
        <JobGlyph state={job.state} />
        <span class="figure">{String(job.submit).padStart(2, '0')}</span>
      </button>
    ))}
  </div>
)

const usual = ['job.out', 'job.err', 'job-activity.log', 'job'] as const

export const Logs = ({
  context,
  job,
  mayRead,
}: {
  readonly context: WorkflowContext
  readonly job: JobRow
  readonly mayRead: boolean
}) => {
  const files = useSignal<readonly string[]>(usual.slice(0, 3))
  const key = jobKey(job.workflow, job.cycle, job.task, job.submit)
  const active = isActiveJob(job.state)
  const base = accountPath(context.account, `jobs/${encodeURIComponent(key)}/logs`)
  useEffect(() => {
    if (!mayRead) return undefined
    const stop = new AbortController()
    api.get(base, logsBody, { signal: stop.signal }).then(
      (body) => {
        const names = body.files.map(({ file }) => file)
        const first = usual.filter((name) => names.includes(name))
        files.value = [...first, ...names.filter((name) => !first.some((other) => other === name))]
      },
      // The viewer below says what is wrong with the file that it opens.
      () => undefined,
    )
    return () => stop.abort()
  }, [base, mayRead, job.state])
  if (!mayRead) return <p class="hint">You may not read the logs of this workflow.</p>
  const asked = query.value.get('file')
  const shownByState = job.state === 'submit-failed' ? 'job-activity.log' : 'job.out'
  const file = asked ?? (files.value.includes(shownByState) ? shownByState : (files.value[0] ?? shownByState))
  const names = files.value.includes(file) ? files.value : [file, ...files.value]
  return (
    <>
      <div class="segments files" role="group" aria-label="Log files">
        {names.map((name) => (
          <button
            key={name}
            type="button"
            aria-pressed={name === file}
            onClick={() => setQuery({ file: name })}
          >
            {name}
          </button>
        ))}
      </div>
      <LogViewer
        key={`${key}/${file}`}
        account={context.account}
        job={key}
        file={file}
        active={active}
        href={`${base}/${encodeURIComponent(file)}`}
      />
    </>
  )
}

export const JobFacts = ({ job }: { readonly job: JobRow }) => (
  <dl class="facts job-facts">
    <dt>State</dt>
    <dd>
      {job.state}
      {job.exit !== null && `, exit ${job.exit}`}
      {job.note !== null && <span class="bad-text"> {job.note}</span>}
    </dd>
    <dt>Runner</dt>
    <dd>
      {job.runner}
      {job.host !== null && ` on ${job.host}`}
    </dd>
    <dt>Submitted</dt>
    <dd class="figure">
      <Time at={job.submittedAt} />
    </dd>
    <dt>Started</dt>
    <dd class="figure">
      <Time at={job.startedAt} />
    </dd>
    <dt>Finished</dt>
    <dd class="figure">
      <Time at={job.finishedAt} />{' '}
      {job.startedAt !== null && (
        <>
          (<Elapsed since={job.startedAt} until={job.state === 'running' ? null : job.finishedAt} />)
        </>
      )}
    </dd>
  </dl>
)
