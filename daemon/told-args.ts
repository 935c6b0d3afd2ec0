/** What of a request's arguments the audit log tells. */

export type ToldRule = 'keep' | 'hide' | 'skip'

const hidden = '(given)'

/** As the rules of their action or plugin leave them; what no rule names is hidden. */
export const toldArgs = (
  args: Readonly<Record<string, unknown>>,
  rules: Readonly<Record<string, ToldRule | undefined>>,
): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(args).flatMap(([name, value]) => {
      const rule = (Object.hasOwn(rules, name) ? rules[name] : undefined) ?? 'hide'
      return rule === 'skip' ? [] : [[name, rule === 'keep' ? value : hidden] as const]
    }),
  )
