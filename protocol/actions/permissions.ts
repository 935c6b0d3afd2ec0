/** Who may do what in an account or a workflow, changed by somebody who owns it. */
import { z } from 'zod/mini'
import { layerText } from '../layers.ts'
import { defineAction } from './define.ts'

const version = z.number().check(z.int(), z.gte(0))

export const permissions = defineAction({
  name: 'permissions',
  on: ['account', 'workflow'],
  sentence: 'changed the permissions of',
  label: 'Change permissions',
  effect: 'These rules take the place of those before, at once and for everybody who is signed in.',
  destructive: true,
  apart: true,
  args: z
    .strictObject({
      /** The version that it takes the place of; 0 = there is none. */
      base: version,
      text: z.optional(layerText),
      /** An earlier version, to be in force again. */
      restore: z.optional(version),
    })
    .check(
      z.refine(({ text, restore }) => (text === undefined) !== (restore === undefined), {
        error: () => 'either text or restore',
      }),
    ),
  audit: { base: 'keep', text: 'hide', restore: 'keep' },
})
