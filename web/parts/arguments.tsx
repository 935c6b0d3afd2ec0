/** The fields of the few actions that take arguments; what they yield is checked against the action's schema. */
import { type Signal, useSignal, useSignalEffect } from '@preact/signals'
import { actionOf } from '../../protocol/actions/registry.ts'
import type { Wanted } from '../state/acting.ts'

export type Args = Readonly<Record<string, unknown>>
type Fields = {
  readonly wanted: Wanted /** undefined while what is entered does not fit. */
  readonly args: Signal<Args | undefined>
}

const check = ({ wanted, args }: Fields, value: Args) => {
  args.value = actionOf(wanted.action).args.safeParse(value).success ? value : undefined
}

const stopModes = [
  { mode: 'clean', label: 'When running jobs have ended' },
  { mode: 'now', label: 'Now; running jobs are left to themselves' },
] as const

const StopFields = (props: Fields) => {
  const mode = useSignal<'clean' | 'now'>('clean')
  useSignalEffect(() => check(props, { mode: mode.value }))
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
  const chosen = useSignal<readonly string[]>(['succeeded'])
  useSignalEffect(() => {
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
    </fieldset>
  )
}

/** `NAME=value` sets, `NAME` alone takes away. */
const parseEnvironment = (text: string): Args => ({
  environment: Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line): [string, string | null] => {
        const at = line.indexOf('=')
        return at < 0 ? [line.trim(), null] : [line.slice(0, at).trim(), line.slice(at + 1)]
      }),
  ),
})

const EditFields = (props: Fields) => {
  const text = useSignal('')
  useSignalEffect(() => {
    if (text.value.trim() === '') props.args.value = undefined
    else check(props, parseEnvironment(text.value))
  })
  return (
    <label class="field">
      <span>Variables of coming jobs</span>
      <textarea
        rows={5}
        spellcheck={false}
        placeholder={'NAME=value\nNAME_TO_TAKE_AWAY'}
        value={text.value}
        onInput={(event) => {
          text.value = event.currentTarget.value
        }}
      />
      <small>One a line. A name without “=” takes the variable away.</small>
    </label>
  )
}

export const ArgumentFields = (props: Fields) => {
  const { action, target } = props.wanted
  if (action === 'set') return <SetFields {...props} />
  if (action === 'edit') return <EditFields {...props} />
  if (action === 'stop' && target.task === undefined) return <StopFields {...props} />
  return null
}
