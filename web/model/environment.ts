/** Variables as people enter them, a line each: `NAME=value` sets, `NAME` alone takes away. */
import { actionOf } from '../../protocol/actions/registry.ts'

export type Environment = Readonly<Record<string, string | null>>
export type Entered = { readonly environment: Environment } | { readonly problem: string }

type Line = { readonly number: number; readonly name: string; readonly value: string | null }

const linesOf = (text: string): readonly Line[] =>
  text.split('\n').flatMap((line, index): Line[] => {
    if (line.trim() === '') return []
    const at = line.indexOf('=')
    const [name, value] = at < 0 ? [line, null] : [line.slice(0, at), line.slice(at + 1)]
    return [{ number: index + 1, name: name.trim(), value }]
  })

/** What is wrong with one line alone, by the schema of the action. */
const wrongWith = ({ name, value }: Line): string | undefined => {
  const { error } = actionOf('edit').args.safeParse({ environment: { [name]: value } })
  const issue = error?.issues[0]
  if (issue === undefined) return undefined
  return issue.code === 'too_big'
    ? `the value of “${name}” is longer than ${issue.maximum} characters`
    : `“${name}” is no name of a variable: a letter or “_”, then letters, digits and “_”, 64 at most`
}

export const readEnvironment = (text: string): Entered => {
  const lines = linesOf(text)
  if (lines.length === 0) return { problem: 'Enter at least one variable.' }
  const seen = new Map<string, number>()
  for (const line of lines) {
    const wrong = wrongWith(line)
    if (wrong !== undefined) return { problem: `Line ${line.number}: ${wrong}.` }
    const before = seen.get(line.name)
    if (before !== undefined)
      return { problem: `Line ${line.number}: “${line.name}” stands in line ${before} already.` }
    seen.set(line.name, line.number)
  }
  return { environment: Object.fromEntries(lines.map(({ name, value }) => [name, value])) }
}

/** What people entered, of what was read of it; nothing of anything else. */
export const writeEnvironment = (environment: unknown): string =>
  typeof environment !== 'object' || environment === null
    ? ''
    : Object.entries(environment)
        .map(([name, value]) => (value === null ? name : `${name}=${String(value)}`))
        .join('\n')
