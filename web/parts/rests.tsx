/** A calm line for each reason why nothing new starts, with its end. */
import type { ComponentChildren, VNode } from 'preact'
import { concernedOf, restTitle } from '../model/rests.ts'
import { accountRests, site } from '../state/site.ts'
import { Banner } from './states.tsx'
import { Time } from './time.tsx'

const Lines = ({ each }: { readonly each: (line: ComponentChildren, key: string) => VNode }) => {
  const all = site.read().account.size
  return (
    <>
      {accountRests.value.map((shared) => {
        const { rest } = shared
        return each(
          <span>
            <strong>{restTitle(rest)}</strong>
            {rest.until !== null && (
              <>
                {' '}
                until <Time at={rest.until} />
              </>
            )}
            : nothing new starts{concernedOf(shared, all)}, what runs goes on.
            {rest.reason !== null && <span class="banner-note"> {rest.reason}</span>}
          </span>,
          JSON.stringify(rest),
        )
      })}
    </>
  )
}

export const RestBanners = () => (
  <Lines
    each={(line, key) => (
      <Banner key={key} tone="plain">
        {line}
      </Banner>
    )}
  />
)

export const WallRests = () => (
  <Lines
    each={(line, key) => (
      <p key={key} class="wall-banner calm" role="status">
        {line}
      </p>
    )}
  />
)
