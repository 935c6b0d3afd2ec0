/** Pages and lists that have nothing to show yet, or any more, and say so. */
import type { ComponentChildren } from 'preact'

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

export const Banner = ({ tone, children }: BannerProps) => (
  <div class={`banner tone-${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
    {children}
  </div>
)
