/** Opens an account before what is inside it: starts its server where that is off, and tells how that goes. */
import { effect } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'
import { createOpener, type Opener } from '../state/server.ts'
import { site } from '../state/site.ts'
import { Icon } from './glyph.tsx'
import { Spinner } from './states.tsx'
import { Time } from './time.tsx'

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

export const ServerProgress = ({
  account,
  opener,
}: {
  readonly account: string
  readonly opener: Opener
}) => {
  const { state, steps, failure } = opener.opening.value
  if (state === 'on') return null
  if (failure !== undefined) {
    return (
      <section class="progress failed" role="alert" aria-label={`Server of ${account}`}>
        <h2>
          <Icon name="close" /> The server of {account} did not start
        </h2>
        <p>{failure.message}</p>
        <p>
          <code>{failure.code}</code>
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
