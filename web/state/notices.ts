/** What happened to what I asked for, and what the site tells me: on the row, in a corner, and in a list. */
import { computed, signal } from '@preact/signals'
import { hubNow } from './clock.ts'

export type Tone = 'good' | 'bad' | 'plain'
export type Notice = {
  readonly id: number
  readonly at: number
  readonly tone: Tone
  readonly text: string
  /** A sentence more: why, and what would help. */
  readonly detail: string | undefined
  /** Of an error, for those whom people ask. */
  readonly code: string | undefined
  /** What to ask `explain` about, where the permission was the reason. */
  readonly explain:
    | { readonly action: string; readonly account: string; readonly workflow?: string }
    | undefined
}

export const notices = signal<readonly Notice[]>([])
/** Those still standing in the corner. */
export const standing = signal<readonly number[]>([])
export const seenUntil = signal(0)
export const unseen = computed(() => notices.value.filter((notice) => notice.id > seenUntil.value).length)

const kept = 100
const standsFor = { good: 6_000, plain: 8_000, bad: 20_000 } as const
let last = 0

export const dismiss = (id: number): void => {
  standing.value = standing.peek().filter((other) => other !== id)
}

export const notify = (
  tone: Tone,
  text: string,
  detail?: string,
  more: Partial<Pick<Notice, 'code' | 'explain'>> = {},
): void => {
  last += 1
  const { code, explain } = more
  const notice = { id: last, at: hubNow(), tone, text, detail, code, explain }
  notices.value = [notice, ...notices.peek()].slice(0, kept)
  standing.value = [...standing.peek(), notice.id].slice(-3)
  setTimeout(() => dismiss(notice.id), standsFor[tone])
}
