/** The fields of the few actions that take arguments; what they yield is checked against the action's schema. */
import { effect, type Signal, useComputed, useSignal } from '@preact/signals'
import { useLayoutEffect } from 'preact/hooks'
import { actionOf } from '../../protocol/actions/registry.ts'
import { readEnvironment, writeEnvironment } from '../model/environment.ts'
import type { Args, Wanted } from '../state/acting.ts'
import { Field, Problem } from './field.tsx'

type Fields = {
  readonly wanted: Wanted
  /** undefined while what is entered does not fit. */
  readonly args: Signal<Args | undefined>
  /** Whether it was to be sent as it is: what is missing is said then, and not before. */
  readonly tried: Signal<boolean>
}

/** At once, where `useSignalEffect` waits for the next picture: the very next key may send what was entered. */
const useAtOnce = (run: () => void) => useLayoutEffect(() => effect(run), [])

const check = ({ wanted, args }: Fields, value: Args) => {
  args.value = actionOf(wanted.action).args.safeParse(value).success ? value : undefined
}

const stopModes = [
  { mode: 'clean', label: 'When running jobs have ended' },
  { mode: 'now', label: 'Now; running jobs are left to themselves' },
] as const

const StopFields = (props: Fields) => {
  const mode = useSignal<'clean' | 'now'>(props.wanted.args?.mode === 'now' ? 'now' : 'clean')
  useAtOnce(() => check(props, { mode: mode.value }))
  return (
    <fieldset class="choices">
      <legend>Stop</legend>
      {stopModes.map((item) => (
        <label key={item.mode} class="choice">
          <input
            type="radio"
            name="mode"
            checked={mode.value === item.mode}
            onChange={() => {
              mode.value = item.mode
            }}
          />
          <span>{item.label}</span>
        </label>
      ))}
    </fieldset>
  )
}

const outputs = ['submitted', 'started', 'succeeded', 'failed', 'submit-failed', 'expired'] as const

const SetFields = (props: Fields) => {
  const before = props.wanted.args?.outputs
  const chosen = useSignal<readonly string[]>(
    Array.isArray(before) ? outputs.filter((name) => before.includes(name)) : ['succeeded'],
  )
  useAtOnce(() => {
    if (chosen.value.length === 0) props.args.value = undefined
    else check(props, { outputs: chosen.value })
  })
  const toggle = (output: string) => {
    const next = new Set(chosen.value)
    if (!next.delete(output)) next.add(output)
    chosen.value = outputs.filter((name) => next.has(name))
  }
  return (
    <fieldset class="choices columns">
      <legend>Outputs to set</legend>
      {outputs.map((output) => (
        <label key={output} class="choice">
          <input type="checkbox" checked={chosen.value.includes(output)} onChange={() => toggle(output)} />
          <span>{output}</span>
        </label>
      ))}
      <Problem>{chosen.value.length === 0 ? 'Choose at least one output.' : undefined}</Problem>
    </fieldset>
  )
}

const EditFields = (props: Fields) => {
  const text = useSignal(writeEnvironment(props.wanted.args?.environment))
  const entered = useComputed(() => readEnvironment(text.value))
  useAtOnce(() => {
    const read = entered.value
    if ('problem' in read) props.args.value = undefined
    else check(props, read)
  })
  const begun = text.value.trim() !== '' || props.tried.value
  return (
    <Field
      label="Variables of coming jobs"
      hint="One a line. A name without “=” takes the variable away."
      problem={begun && 'problem' in entered.value ? entered.value.problem : undefined}
    >
      {(input) => (
        <textarea
          {...input}
          rows={5}
          spellcheck={false}
          placeholder={'NAME=value\nNAME_TO_TAKE_AWAY'}
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value
          }}
        />
      )}
    </Field>
  )
}

export const ArgumentFields = (props: Fields) => {
  const { action, target } = props.wanted
  if (action === 'set') return <SetFields {...props} />
  if (action === 'edit') return <EditFields {...props} />
  if (action === 'stop' && target.task === undefined) return <StopFields {...props} />
  return null
}
