/** A log: opens at its end, follows while one stays there, wraps on request. Text only, whatever is in it. */
import { useComputed, useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import { openLog } from '../state/log.ts'
import { Icon } from './glyph.tsx'
import { Banner, Spinner } from './states.tsx'

type Props = {
  readonly account: string
  readonly job: string
  readonly file: string
  readonly active: boolean
  readonly href: string
}

const phaseWords = {
  loading: 'loading',
  following: 'following',
  whole: 'complete',
  waiting: 'waiting for output',
  failed: 'failed',
} as const

/** Blocks of this many lines, so that a new line redraws one of them and not the whole log. */
const blockLines = 400

const blocksOf = (text: string): readonly string[] => {
  const blocks: string[] = []
  let from = 0
  let lines = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
    lines += 1
    if (lines % blockLines !== 0) continue
    blocks.push(text.slice(from, at + 1))
    from = at + 1
  }
  if (from < text.length) blocks.push(text.slice(from))
  return blocks
}

export const LogViewer = ({ account, job, file, active, href }: Props) => {
  const running = useRef(active)
  running.current = active
  const fromStart = useSignal(false)
  const wrap = useSignal(true)
  const follow = useSignal(true)
  const box = useRef<HTMLPreElement>(null)
  const log = useMemo(
    () => openLog({ account, job, file, active: () => running.current, fromStart: fromStart.value }),
    [account, job, file, fromStart.value],
  )
  useEffect(() => log.close, [log])
  const blocks = useComputed(() => blocksOf(log.text.value.text))
  const toEnd = () => box.current?.scrollTo({ top: box.current.scrollHeight })
  useSignalEffect(() => {
    log.text.value
    if (follow.value) requestAnimationFrame(toEnd)
  })
  useLayoutEffect(() => {
    if (follow.peek()) toEnd()
  }, [wrap.value])

  const { text, cut } = log.text.value
  const scrolled = () => {
    const at = box.current
    if (at !== null) follow.value = at.scrollHeight - at.scrollTop - at.clientHeight < 24
  }
  return (
    <section class="log" aria-label={`Log ${file}`}>
      <header class="log-bar">
        <span class="log-phase" role="status">
          {(log.phase.value === 'following' || log.phase.value === 'loading') && <Spinner />}
          {phaseWords[log.phase.value]}
        </span>
        <span class="spring" />
        <label class="check">
          <input type="checkbox" checked={wrap.value} onChange={() => (wrap.value = !wrap.value)} /> Wrap
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={follow.value}
            onChange={() => {
              follow.value = !follow.value
              if (follow.value) toEnd()
            }}
          />{' '}
          Follow
        </label>
        <a class="link" href={href} download={file}>
          Download
        </a>
      </header>
      {log.error.value !== undefined && <Banner tone="bad">{log.error.value.message}</Banner>}
      {cut && (
        <p class="log-cut">
          Earlier output is not shown.{' '}
          {!fromStart.value && (
            <button type="button" class="link" onClick={() => (fromStart.value = true)}>
              Show from the start
            </button>
          )}
        </p>
      )}
      <div class="log-frame">
        <pre
          ref={box}
          class={wrap.value ? 'log-text wrap' : 'log-text'}
          role="log"
          aria-live="off"
          aria-label={file}
          tabIndex={0}
          onScroll={scrolled}
        >
          {text === '' && log.phase.value !== 'loading' ? (
            <span class="none">
              {log.phase.value === 'whole' ? 'The file is empty.' : 'Nothing was written yet.'}
            </span>
          ) : (
            blocks.value.map((block, index) => <span key={index}>{block}</span>)
          )}
        </pre>
        {!follow.value && (
          <button
            type="button"
            class="button small to-end"
            onClick={() => {
              follow.value = true
              toEnd()
            }}
          >
            <Icon name="open" /> To the end
          </button>
        )}
      </div>
    </section>
  )
}
