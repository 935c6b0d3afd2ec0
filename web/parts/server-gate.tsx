/** Opens an account before what is inside it: starts its server where that is off, and tells how that goes. */
import { effect } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'
import { createOpener, type Opener } from '../state/server.ts'
import { viewer } from '../state/session.ts'
import { site } from '../state/site.ts'
import { Icon } from './glyph.tsx'
import { Banner, Said, Spinner } from './states.tsx'
import { Ago, Time } from './time.tsx'

/** Starts the server when the page opens, and again when somebody does something after it went off. */
export const useOpener = (account: string): Opener => {
  const opener = useMemo(() => createOpener(account), [account])
  useEffect(() => {
    let asked = false
    const stop = effect(() => {
      if (!site.loaded.value) return
      const state = site.read().server.get(account)?.state ?? 'off'
      if (state === 'on') {
        if (opener.opening.peek().state !== 'on') {
          opener.opening.value = { state: 'on', steps: opener.opening.peek().steps, failure: undefined }
        }
      } else if (opener.opening.peek().state === 'on') {
        opener.opening.value = { state, steps: [], failure: undefined }
      }
      if (asked) return
      asked = true
      if (state !== 'on') opener.start()
    })
    const interaction = () => {
      const { state } = opener.opening.peek()
      if (state === 'off') opener.start()
    }
    addEventListener('pointerdown', interaction)
    addEventListener('keydown', interaction)
    return () => {
      stop()
      opener.close()
      removeEventListener('pointerdown', interaction)
      removeEventListener('keydown', interaction)
    }
  }, [account, opener])
  return opener
}

/** The server runs as far as anybody knows, but cannot be asked. */
const ServerTrouble = ({ account }: { readonly account: string }) => {
  const row = site.read().server.get(account)
  if (row?.code == null) return null
  return (
    <section class="progress failed" role="alert" aria-label={`Server of ${account}`}>
      <h2>The server of {account} does not answer</h2>
      <p>
        <Said code={row.code} text={row.reason ?? undefined} />
      </p>
      <p class="hint">
        What stands here is from <Ago at={row.since} /> or before. The hub goes on asking; a server that hangs
        is replaced by itself, jobs are not touched.
      </p>
    </section>
  )
}

/** After an upgrade of the hub, until it is replaced. */
const OtherVersion = ({ account }: { readonly account: string }) => {
  const version = site.read().server.get(account)?.version ?? null
  if (version === null) return null
  return (
    <Banner tone="plain">
      The server of {account} is of version {version}, and this hub of{' '}
      {viewer.value?.site.version ?? 'another'}: it goes on, and is replaced as soon as nobody looks. Whoever
      administers the site may stop it before.
    </Banner>
  )
}

export const ServerProgress = ({
  account,
  opener,
}: {
  readonly account: string
  readonly opener: Opener
}) => {
  const { state, steps, failure } = opener.opening.value
  if (state === 'on')
    return (
      <>
        <OtherVersion account={account} />
        <ServerTrouble account={account} />
      </>
    )
  if (failure !== undefined) {
    return (
      <section class="progress failed" role="alert" aria-label={`Server of ${account}`}>
        <h2>
          <Icon name="close" /> The server of {account} did not start
        </h2>
        <p>
          <Said code={failure.code} text={failure.message} />
        </p>
        <p class="hint">
          {state === 'failed' && steps.at(-1)?.state === 'starting' && <Spinner />} As long as this page is
          open it is tried again by itself, now and then. What stands here is the last that the site knows.
        </p>
        <button type="button" class="button primary" onClick={opener.start}>
          Retry
        </button>
        <Steps steps={steps} done />
      </section>
    )
  }
  if (state === 'off' || state === 'stopping') {
    return (
      <section class="progress" role="status" aria-label={`Server of ${account}`}>
        <h2>The server of {account} is off</h2>
        <p class="hint">
          It ends itself when nobody looks. What stands here is the last that the site knows.
        </p>
        <button type="button" class="button primary" onClick={opener.start}>
          Start it
        </button>
      </section>
    )
  }
  return (
    <section class="progress" role="status" aria-label={`Server of ${account}`}>
      <h2>
        <Spinner /> Opening {account}
      </h2>
      <Steps steps={steps} done={false} />
    </section>
  )
}

const Steps = ({
  steps,
  done,
}: {
  readonly steps: Opener['opening']['value']['steps']
  readonly done: boolean
}): ComponentChildren => {
  // How it ended stands above.
  const told = steps.filter((step) => step.state !== 'failed')
  return (
    <ol class="steps">
      {told.length === 0 && !done && <li>Asking the hub for the server</li>}
      {told.map((step, index) => (
        <li key={`${step.at} ${step.message}`} class={!done && index === told.length - 1 ? 'now' : undefined}>
          <Time at={step.at} /> <span>{step.message}</span>
        </li>
      ))}
    </ol>
  )
}
