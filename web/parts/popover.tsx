/** A button with something that drops down from it and goes away by itself: a click elsewhere, Escape. */
import type { ComponentChildren } from 'preact'
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks'

type PopoverProps = {
  readonly label: string
  readonly class?: string
  readonly face: ComponentChildren
  readonly role?: 'menu' | 'dialog'
  readonly onOpen?: () => void
  /** Of the button; -1 within something that takes the keys itself. */
  readonly tabIndex?: number | undefined
  /** Called while open only: what is closed costs nothing. */
  readonly children: (close: () => void) => ComponentChildren
}

const place = (button: HTMLElement, panel: HTMLElement) => {
  const at = button.getBoundingClientRect()
  const { offsetWidth: width, offsetHeight: height } = panel
  const left = Math.max(8, Math.min(at.right - width, innerWidth - width - 8))
  const below = at.bottom + 4
  const top = below + height > innerHeight - 8 ? Math.max(8, at.top - height - 4) : below
  panel.style.left = `${left}px`
  panel.style.top = `${top}px`
}

const show = (button: HTMLElement | null, panel: HTMLElement) => {
  panel.showPopover()
  if (button !== null) place(button, panel)
  panel.querySelector<HTMLElement>('[role=menuitem], button, a')?.focus({ preventScroll: true })
}

/** Whether it is what lies where it is: not scrolled away, nor below a header that stays. */
const isSeen = (button: HTMLElement): boolean => {
  const { left, top, width, height } = button.getBoundingClientRect()
  const there = document.elementFromPoint(left + width / 2, top + height / 2)
  return there !== null && (button.contains(there) || there.closest('.popover') !== null)
}

export const Popover = (props: PopoverProps) => {
  const [open, setOpen] = useState(false)
  const button = useRef<HTMLButtonElement>(null)
  const panel = useRef<HTMLDivElement>(null)
  const closedAt = useRef(Number.NEGATIVE_INFINITY)
  const id = useId()
  const role = props.role ?? 'dialog'

  // Before the next key is pressed, and not after the next picture: or that key would go to what lies behind.
  useLayoutEffect(() => {
    const element = panel.current
    if (!open || element === null) return undefined
    show(button.current, element)
    const toggled = (event: Event) => {
      if ((event as ToggleEvent).newState !== 'closed') return
      closedAt.current = performance.now()
      setOpen(false)
    }
    // It stays with its button for as long as that is to be seen: a list that moved a little takes nothing away.
    const moved = (event: Event) => {
      if (event.target instanceof Node && element.contains(event.target)) return
      if (button.current !== null && isSeen(button.current)) place(button.current, element)
      else {
        if (element.contains(document.activeElement)) button.current?.focus({ preventScroll: true })
        setOpen(false)
      }
    }
    element.addEventListener('toggle', toggled)
    addEventListener('scroll', moved, { capture: true, passive: true })
    addEventListener('resize', moved)
    return () => {
      element.removeEventListener('toggle', toggled)
      removeEventListener('scroll', moved, { capture: true })
      removeEventListener('resize', moved)
    }
  }, [open])

  const close = () => {
    setOpen(false)
    button.current?.focus({ preventScroll: true })
  }
  const keys = (event: KeyboardEvent) => {
    // Whoever leaves a menu goes on from its button.
    if (role === 'menu' && event.key === 'Tab') close()
    if (role !== 'menu' || !['ArrowDown', 'ArrowUp', 'Home', 'End'].includes(event.key)) return
    event.preventDefault()
    event.stopPropagation()
    const items = [...(panel.current?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])]
    const at = items.indexOf(document.activeElement as HTMLElement)
    const step =
      event.key === 'ArrowDown' ? at + 1 : event.key === 'ArrowUp' ? at - 1 : event.key === 'Home' ? 0 : -1
    items.at(step >= items.length ? 0 : step)?.focus()
  }

  return (
    <>
      <button
        ref={button}
        type="button"
        class={props.class ?? 'button'}
        tabIndex={props.tabIndex}
        aria-label={props.label}
        aria-haspopup={role}
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        title={props.label}
        onClick={(event: MouseEvent) => {
          event.stopPropagation()
          // The same click of a pointer just closed it from outside; it must not open it again.
          if (!open && event.detail > 0 && performance.now() - closedAt.current < 150) return
          if (!open) props.onOpen?.()
          // It was closed a moment ago, and what tells of that has not come yet: this click means to open it again.
          if (panel.current?.matches(':popover-open') === false) show(button.current, panel.current)
          else setOpen(!open)
        }}
      >
        {props.face}
      </button>
      {open && (
        // biome-ignore lint/a11y/noStaticElementInteractions: it has the role that it is given.
        // biome-ignore lint/a11y/useAriaPropsSupportedByRole: both roles take a label.
        <div
          ref={panel}
          id={id}
          popover="auto"
          class="popover"
          role={role}
          aria-label={props.label}
          onKeyDown={keys}
          onClick={(event: MouseEvent) => event.stopPropagation()}
        >
          {props.children(close)}
        </div>
      )}
    </>
  )
}
