/** The definition as it stands in its file. */
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { z } from 'zod/mini'
import { sourceBody } from '../../../protocol/api.ts'
import { Blank } from '../../parts/states.tsx'
import { Time } from '../../parts/time.tsx'
import { type ApiError, asApiError } from '../../state/api.ts'
import { api } from '../../state/session.ts'
import { accountPath } from '../../state/workflow.ts'
import type { WorkflowContext } from './context.ts'

/** A comment, a key, or neither: enough to find one's way in a definition. */
const classOfLine = (line: string): string | undefined =>
  /^\s*#/.test(line) ? 'comment' : /^\s*(?:- )?[^\s#'"][^#'"]*:(?:\s|$)/.test(line) ? 'keyed' : undefined

const Line = ({ text }: { readonly text: string }) => {
  const kind = classOfLine(text)
  if (kind !== 'keyed') return <code class={kind}>{`${text}\n`}</code>
  const at = text.indexOf(':')
  return (
    <code>
      <b>{text.slice(0, at)}</b>
      {`${text.slice(at)}\n`}
    </code>
  )
}

export const Source = ({ context }: { readonly context: WorkflowContext }) => {
  const source = useSignal<z.infer<typeof sourceBody> | undefined>(undefined)
  const failed = useSignal<ApiError | undefined>(undefined)
  const wrap = useSignal(false)
  const again = useSignal(0)
  useEffect(() => {
    const stop = new AbortController()
    const path = accountPath(context.account, `workflows/${encodeURIComponent(context.workflow)}/source`)
    api.get(path, sourceBody, { signal: stop.signal }).then(
      (body) => {
        source.value = body
        failed.value = undefined
      },
      (thrown: unknown) => {
        if (!stop.signal.aborted) failed.value = asApiError(thrown)
      },
    )
    return () => stop.abort()
  }, [context.account, context.workflow, again.value])

  if (failed.value !== undefined) {
    return (
      <Blank title="The definition could not be read" tone="bad">
        <p>{failed.value.message}</p>
        <button type="button" class="button" onClick={() => (again.value += 1)}>
          Retry
        </button>
      </Blank>
    )
  }
  if (source.value === undefined) return <Blank title="Loading the definition" busy />
  const { file, text, at } = source.value
  return (
    <section class="source" aria-label="Definition">
      <header>
        <code>{file}</code>
        <span class="hint">
          as of <Time at={at} />
        </span>
        <span class="spring" />
        <label class="check">
          <input type="checkbox" checked={wrap.value} onChange={() => (wrap.value = !wrap.value)} /> Wrap
        </label>
      </header>
      <pre class={wrap.value ? 'numbered wrap' : 'numbered'} role="region" aria-label={file} tabIndex={0}>
        {text
          .replace(/\n$/, '')
          .split('\n')
          .map((line, index) => (
            <Line key={index} text={line} />
          ))}
      </pre>
    </section>
  )
}
