/** Which of many rows of one height are near the screen; the rest is only space. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'

const all = 200
const beyond = 12

export type Windowing = {
  readonly first: number
  readonly last: number
  readonly before: string
  readonly after: string
}

export const useWindow = (count: number, rowHeight: number) => {
  const ref = useRef<HTMLDivElement>(null)
  const [range, setRange] = useState({ first: 0, last: Math.min(count, all) })

  useLayoutEffect(() => {
    if (count <= all) return undefined
    let frame = 0
    const measure = () => {
      frame = 0
      const top = ref.current?.getBoundingClientRect().top ?? 0
      const first = Math.max(0, Math.floor(-top / rowHeight) - beyond)
      const last = Math.min(count, Math.ceil((innerHeight - top) / rowHeight) + beyond)
      setRange((old) => (old.first === first && old.last === last ? old : { first, last }))
    }
    const soon = () => {
      if (frame === 0) frame = requestAnimationFrame(measure)
    }
    measure()
    addEventListener('scroll', soon, { passive: true, capture: true })
    addEventListener('resize', soon)
    return () => {
      cancelAnimationFrame(frame)
      removeEventListener('scroll', soon, { capture: true })
      removeEventListener('resize', soon)
    }
  }, [count, rowHeight])

  const first = count <= all ? 0 : Math.min(range.first, count)
  const last = count <= all ? count : Math.max(first, Math.min(range.last, count))
  const windowing: Windowing = {
    first,
    last,
    before: `${first * rowHeight}px`,
    after: `${(count - last) * rowHeight}px`,
  }
  return { ref, windowing }
}
