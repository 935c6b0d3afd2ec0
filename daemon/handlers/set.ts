import type { Output } from '../../engine/types.ts'
import { onInstance, refuse, throughEngine } from './handler.ts'

const outputs: Readonly<Record<Output, true>> = {
  submitted: true,
  'submit-failed': true,
  started: true,
  succeeded: true,
  failed: true,
  expired: true,
}
const isOutput = (name: string): name is Output => Object.hasOwn(outputs, name)

export const set = throughEngine<'set'>((request, args, at) => {
  const unknown = args.outputs.find((name) => !isOutput(name))
  if (unknown !== undefined)
    return refuse('args.invalid', `There is no output ${unknown}: ${Object.keys(outputs).join(', ')}.`)
  return onInstance(request, (instance) => ({
    kind: 'set',
    at,
    ...instance,
    outputs: args.outputs.filter(isOutput),
  }))
})
