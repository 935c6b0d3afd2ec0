/** One glyph per state, the same everywhere: told apart by shape alone, coloured besides. */
import type { ComponentChildren } from 'preact'
import type { TaskState, WorkflowState } from '../../protocol/rows.ts'

const ring = (r = 6) => <circle cx="8" cy="8" r={r} fill="none" stroke="currentColor" stroke-width="1.6" />
const faintRing = <circle class="glyph-track" cx="8" cy="8" r="6" fill="none" stroke-width="1.6" />

/** An arc from twelve o'clock; `part` of the full turn. */
const arc = (part: number, width: number) => (
  <circle
    class="glyph-arc"
    cx="8"
    cy="8"
    r="6"
    fill="none"
    stroke="currentColor"
    stroke-width={width}
    stroke-dasharray={`${(part * 37.7).toFixed(2)} 37.7`}
    transform="rotate(-90 8 8)"
  />
)
const cross = (colour: string, width = 1.8) => (
  <path
    d="M5.6 5.6 10.4 10.4M10.4 5.6 5.6 10.4"
    stroke={colour}
    stroke-width={width}
    stroke-linecap="round"
  />
)

const shapes: Readonly<Record<TaskState, (part: number | undefined) => ComponentChildren>> = {
  waiting: () => ring(),
  preparing: () => [faintRing, arc(0.2, 1.6)],
  submitted: () => [faintRing, arc(0.5, 1.6)],
  running: (part) => [
    faintRing,
    <g key="arc" class={part === undefined ? 'glyph-turning' : undefined}>
      {arc(part === undefined ? 0.3 : Math.max(0.04, part), 3)}
    </g>,
    <circle key="dot" cx="8" cy="8" r="2" fill="currentColor" />,
  ],
  succeeded: () => <circle cx="8" cy="8" r="6.4" fill="currentColor" />,
  failed: () => [<circle key="disc" cx="8" cy="8" r="7" fill="currentColor" />, cross('var(--on-state)', 2)],
  'submit-failed': () => [ring(6.4), cross('currentColor')],
  expired: () => [ring(), <path key="bar" d="M2.4 13.6 13.6 2.4" stroke="currentColor" stroke-width="1.6" />],
}

const words: Readonly<Record<TaskState, string>> = {
  waiting: 'waiting',
  preparing: 'preparing',
  submitted: 'submitted',
  running: 'running',
  succeeded: 'succeeded',
  failed: 'failed',
  'submit-failed': 'submit failed',
  expired: 'expired',
}
export const stateWords = (state: TaskState): string => words[state]

type GlyphProps = {
  readonly state: TaskState
  readonly held?: boolean
  /** Fraction of the mean run time, for `running`. */
  readonly part?: number | undefined
}

/** Beside a word that says the same: by itself it says nothing to those who do not see it. */
export const Glyph = ({ state, held = false, part }: GlyphProps) => (
  <span class={`glyph state-${state}`}>
    {held && (
      <svg class="glyph-bars" viewBox="0 0 6 16" aria-hidden="true">
        <path d="M1.4 4.5v7M4.6 4.5v7" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" />
      </svg>
    )}
    <svg viewBox="0 0 16 16" aria-hidden="true">
      {shapes[state](part)}
    </svg>
  </span>
)

const flowShapes: Readonly<Record<WorkflowState, ComponentChildren>> = {
  stopped: (
    <rect
      x="3.5"
      y="3.5"
      width="9"
      height="9"
      rx="1.5"
      fill="none"
      stroke="currentColor"
      stroke-width="1.6"
    />
  ),
  stopping: <rect x="3.5" y="3.5" width="9" height="9" rx="1.5" fill="currentColor" />,
  running: <path d="M4.5 2.8 13 8l-8.5 5.2z" fill="currentColor" />,
  paused: <path d="M5 3.5v9M11 3.5v9" stroke="currentColor" stroke-width="2.6" stroke-linecap="round" />,
  stalled: (
    <>
      <path
        d="M8 1.6 15 14H1z"
        fill="none"
        stroke="currentColor"
        stroke-width="1.6"
        stroke-linejoin="round"
      />
      <path d="M8 6v4M8 11.6v.6" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" />
    </>
  ),
  finished: (
    <path
      d="m2.5 8.5 3.8 3.8 7.2-8"
      fill="none"
      stroke="currentColor"
      stroke-width="2"
      stroke-linecap="round"
      stroke-linejoin="round"
    />
  ),
}

export const FlowGlyph = ({ state }: { readonly state: WorkflowState }) => (
  <span class={`glyph flow-${state}`}>
    <svg viewBox="0 0 16 16" aria-hidden="true">
      {flowShapes[state]}
    </svg>
  </span>
)

const icons = {
  menu: <path d="M3.5 8h.01M8 8h.01M12.5 8h.01" stroke-width="2.4" />,
  open: <path d="m6 3.5 4.5 4.5L6 12.5" />,
  close: <path d="m4 4 8 8M12 4l-8 8" />,
  bell: <path d="M3.5 11.5h9c-1-1-1.2-2.5-1.2-4.2a3.3 3.3 0 0 0-6.6 0c0 1.7-.2 3.2-1.2 4.2ZM6.8 13.5h2.4" />,
  lock: <path d="M4 7.5h8v5.5H4zM5.7 7.5V5.3a2.3 2.3 0 0 1 4.6 0v2.2" />,
  unlock: <path d="M4 7.5h8v5.5H4zM5.7 7.5V5.3a2.3 2.3 0 0 1 4.4-.9" />,
  system: <path d="M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5a5.5 5.5 0 0 1 0 11" />,
  light: (
    <path d="M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6ZM8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9" />
  ),
  dark: <path d="M13 9.8A5.5 5.5 0 0 1 6.2 3a5.5 5.5 0 1 0 6.8 6.8Z" />,
  search: <path d="M7 2.8a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.4ZM10.2 10.2l3.3 3.3" />,
  wide: <path d="M9.5 3H13v3.5M13 3 9 7M6.5 13H3V9.5M3 13l4-4" />,
  person: (
    <path d="M8 2.8a2.6 2.6 0 1 0 0 5.2 2.6 2.6 0 0 0 0-5.2ZM3 13.3c.5-2.2 2.4-3.3 5-3.3s4.5 1.1 5 3.3" />
  ),
  check: <path d="m3 8.5 3.3 3.3L13 4.5" />,
  late: <path d="M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM8 5v3.2l2.2 1.3" />,
  retrying: <path d="M12.8 6.5A5 5 0 1 0 13 9M13 3v3.5H9.5" />,
} as const
export type IconName = keyof typeof icons

export const Icon = ({ name }: { readonly name: IconName }) => (
  <svg
    class="icon"
    viewBox="0 0 16 16"
    fill="none"
    stroke="currentColor"
    stroke-width="1.5"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
  >
    {icons[name]}
  </svg>
)

/** The product's mark: a house with a keeper in it. */
export const Mark = () => (
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
    <path
      d="M16 4.5 26 9.9v12.2L16 27.5 6 22.1V9.9z"
      fill="none"
      stroke="currentColor"
      stroke-width="2.6"
      stroke-linejoin="round"
    />
    <circle cx="16" cy="16" r="4" fill="currentColor" />
  </svg>
)
