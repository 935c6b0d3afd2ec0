/** A modal dialog: the browser's own, so that focus stays in it and Escape closes it. */
import type { ComponentChildren } from 'preact'
import { useId, useLayoutEffect, useRef } from 'preact/hooks'

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
  /** A press that began outside: a selection dragged out of a field ends there, and closes nothing. */
  const pressedOutside = useRef(false)
  // Before the next key is pressed, and not after the next picture: or that key would go to what lies behind.
  useLayoutEffect(() => {
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
      onPointerDown={(event: PointerEvent) => {
        pressedOutside.current = event.target === ref.current
      }}
      onClick={(event: MouseEvent) => {
        if (event.target === ref.current && pressedOutside.current) onClose()
      }}
    >
      <form
        method="dialog"
        onSubmit={(event: Event) => {
          event.preventDefault()
          onSubmit?.()
          // Where something is missing or wrong, one is led to it.
          requestAnimationFrame(() => ref.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus())
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
