/** Actions on an account. */
import { z } from 'zod/mini'
import { defineAction } from './define.ts'

export const submit = defineAction({
  name: 'submit',
  on: ['account'],
  sentence: 'submitted',
  label: 'Run a plugin',
  effect: 'The plugin runs once, as its own rules allow.',
  args: z.record(z.string().check(z.regex(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/)), z.unknown()),
  audit: {},
})
