/** What just happened, standing in a corner for a while; all of it stays in the list in the header. */
import { dialog } from '../state/acting.ts'
import { dismiss, type Notice, notices, standing } from '../state/notices.ts'
import { Icon } from './glyph.tsx'
import { Time } from './time.tsx'

type BodyProps = { readonly notice: Notice; readonly timed?: boolean }

export const NoticeBody = ({ notice, timed = false }: BodyProps) => {
  const { explain } = notice
  return (
    <div class={`notice tone-${notice.tone}`}>
      <span class="notice-icon">
        <Icon name={notice.tone === 'good' ? 'check' : notice.tone === 'bad' ? 'close' : 'bell'} />
      </span>
      <div class="notice-text">
        <p>{notice.text}</p>
        {notice.detail !== undefined && (
          <small>
            {notice.detail} {notice.code !== undefined && <code>{notice.code}</code>}
          </small>
        )}
        {explain?.workflow !== undefined && (
          <button
            type="button"
            class="link"
            onClick={() => {
              const { account, workflow, action } = explain
              if (workflow !== undefined) dialog.value = { kind: 'explain', account, workflow, action }
            }}
          >
            Why?
          </button>
        )}
      </div>
      {timed ? (
        <Time at={notice.at} />
      ) : (
        <button type="button" class="icon-button" aria-label="Dismiss" onClick={() => dismiss(notice.id)}>
          <Icon name="close" />
        </button>
      )}
    </div>
  )
}

export const Corner = () => (
  <div class="corner" role="status" aria-live="polite" aria-label="Latest outcomes">
    {standing.value.map((id) => {
      const notice = notices.value.find((item) => item.id === id)
      return notice === undefined ? null : <NoticeBody key={id} notice={notice} />
    })}
  </div>
)
