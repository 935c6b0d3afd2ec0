/** A modal dialog: the browser's own, so that focus stays in it and Escape closes it. */
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'

type DialogProps = {
  readonly title: string
  readonly tone?: 'plain' | 'danger' | 'raise'
  readonly wide?: boolean
  readonly onClose: () => void
  readonly onSubmit?: () => void
  readonly children: ComponentChildren
  readonly actions?: ComponentChildren
}

export const Dialog = ({
  title,
  tone = 'plain',
  wide = false,
  onClose,
  onSubmit,
  children,
  actions,
}: DialogProps) => {
  const ref = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const element = ref.current
    const opener = document.activeElement
    if (element !== null && !element.open) element.showModal()
    return () => {
      element?.close()
      if (opener instanceof HTMLElement) opener.focus()
    }
  }, [])
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape does the same.
    <dialog
      ref={ref}
      class={`dialog tone-${tone} ${wide ? 'wide' : ''}`}
      aria-labelledby={id}
      onCancel={(event: Event) => {
        event.preventDefault()
        onClose()
      }}
      onClick={(event: MouseEvent) => {
        if (event.target === ref.current) onClose()
      }}
    >
      <form
        method="dialog"
        onSubmit={(event: Event) => {
          event.preventDefault()
          onSubmit?.()
        }}
      >
        <h2 id={id}>{title}</h2>
        <div class="dialog-body">{children}</div>
        <div class="dialog-actions">
          {actions ?? (
            <button type="button" class="button" onClick={onClose}>
              Close
            </button>
          )}
        </div>
      </form>
    </dialog>
  )
}
