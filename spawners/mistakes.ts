/** What is wrong with a set of options although each of them is right, told at its own place. */
import type { z } from 'zod/mini'

export type Mistake = { readonly path: readonly (string | number)[]; readonly message: string }

/** Names that stand twice in a list. */
export const repeated = (
  hosts: readonly { readonly name: string }[],
  path: Mistake['path'],
): readonly Mistake[] =>
  hosts.flatMap(({ name }, index) =>
    hosts.findIndex((other) => other.name === name) === index
      ? []
      : [{ path: [...path, index, 'name'], message: `${name} stands here twice` }],
  )

/** For the part of a configuration that has these options: each problem at its own place. */
export const telling =
  <Options>(mistakes: (options: Options) => readonly Mistake[]) =>
  (given: { readonly value: Options; readonly issues: z.core.$ZodRawIssue[] }): void => {
    for (const { path, message } of mistakes(given.value))
      given.issues.push({ code: 'custom', path: [...path], message, input: given.value })
  }
