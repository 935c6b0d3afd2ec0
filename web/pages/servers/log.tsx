/** The last lines that a server wrote itself, on its host: text only, whatever is in it. */
import { useLayoutEffect, useRef } from 'preact/hooks'
import { serverLog } from '../../../protocol/fleet.ts'
import { Dialog } from '../../parts/dialog.tsx'
import { Refused } from '../../parts/refused.tsx'
import { Spinner } from '../../parts/states.tsx'
import { useAnswer } from '../../state/answer.ts'

export const LogDialog = ({
  account,
  onClose,
}: {
  readonly account: string
  readonly onClose: () => void
}) => {
  const path = `/api/admin/servers/${encodeURIComponent(account)}/log`
  const { body, failed, load } = useAnswer(path, serverLog)
  const box = useRef<HTMLPreElement>(null)
  const lines = body.value?.lines
  useLayoutEffect(() => {
    box.current?.scrollTo({ top: box.current.scrollHeight })
  }, [lines])
  return (
    <Dialog
      title={`Log of the server of ${account}`}
      wide
      onClose={onClose}
      actions={
        <>
          <button type="button" class="button" onClick={() => void load()}>
            Read again
          </button>
          <button type="button" class="button" onClick={onClose}>
            Close
          </button>
        </>
      }
    >
      <Refused error={failed.value} />
      {lines === undefined && failed.value === undefined && <Spinner />}
      {lines !== undefined && (
        <pre ref={box} class="log-text wrap server-log" role="log" aria-label="Its last lines" tabIndex={0}>
          {lines.length === 0 ? <span class="none">It wrote nothing.</span> : lines.join('\n')}
        </pre>
      )}
    </Dialog>
  )
}
