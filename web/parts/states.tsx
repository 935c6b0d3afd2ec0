/** Pages and lists that have nothing to show yet, or any more, and say so. */
import type { ComponentChildren } from 'preact'
import { sentenceOf } from '../state/api.ts'

type BlankProps = {
  readonly title: string
  readonly children?: ComponentChildren
  readonly tone?: 'plain' | 'bad'
  readonly busy?: boolean
}

export const Blank = ({ title, children, tone = 'plain', busy = false }: BlankProps) => (
  <div class={`blank tone-${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
    {busy && <Spinner />}
    <p class="blank-title">{title}</p>
    {children}
  </div>
)

export const Spinner = () => <span class="spinner" aria-hidden="true" />

type BannerProps = { readonly tone: 'bad' | 'warn' | 'plain'; readonly children: ComponentChildren }

/** What went wrong, for people, and its code for those whom they ask. */
export const Said = ({ code, text }: { readonly code: string; readonly text?: string | undefined }) => (
  <span class="said">
    {text ?? sentenceOf(code)} <code>{code}</code>
  </span>
)

export const Banner = ({ tone, children }: BannerProps) => (
  <div class={`banner tone-${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
    {children}
  </div>
)
