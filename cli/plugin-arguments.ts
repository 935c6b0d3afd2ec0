/** Words of a command line → arguments of a plugin, by the schema that its site published. Nothing here is guessed. */
import { SeneschalError } from '../protocol/errors.ts'
import { checkValue, type Schema } from '../protocol/json-schema.ts'
import type { CatalogueEntry } from '../protocol/plugins.ts'

type Named = Pick<CatalogueEntry, 'name' | 'arguments' | 'positional'>

const usage = (text: string): SeneschalError => new SeneschalError('usage', text)

const json = (name: string, word: string): unknown => {
  try {
    return JSON.parse(word)
  } catch {
    throw usage(`${name} wants JSON.`)
  }
}

/** One word as its schema wants it; what does not look like it stays a text, and the schema says so. */
const convert = (name: string, schema: Schema, word: string): unknown => {
  switch (schema.type) {
    case 'integer':
    case 'number':
      return word.trim() === '' || Number.isNaN(Number(word)) ? word : Number(word)
    case 'boolean':
      return word === 'true' ? true : word === 'false' ? false : word
    case 'string':
      return word
    default:
      return json(name, word)
  }
}

/**
 * `--name value`, `--name=value`, `--flag`, `--no-flag`; a list is given by repeating its name. Words without a name are
 * those of `positional`, in order, a list taking the rest; after `--` all are. Throws `usage`, or `args.invalid` with
 * everything that is wrong.
 */
export const pluginArguments = (
  plugin: Named,
  words: readonly string[],
): Readonly<Record<string, unknown>> => {
  const schemas = plugin.arguments.properties ?? {}
  const args = new Map<string, unknown>()
  const schemaOf = (name: string): Schema => {
    const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined
    if (schema === undefined)
      throw usage(`${plugin.name} has no argument ${name}. See: seneschal help ${plugin.name}`)
    return schema
  }
  const put = (name: string, word: string): void => {
    const schema = schemaOf(name)
    const before = args.get(name)
    if (schema.type === 'array')
      args.set(name, [...(Array.isArray(before) ? before : []), convert(name, schema.items, word)])
    else if (before !== undefined) throw usage(`${name} was given twice.`)
    else args.set(name, convert(name, schema, word))
  }
  const positional = [...plugin.positional]
  const putNext = (word: string): void => {
    const [name] = positional
    if (name === undefined) throw usage(`${JSON.stringify(word)} is one word too many.`)
    put(name, word)
    if (schemaOf(name).type !== 'array') positional.shift()
  }

  const rest = [...words]
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') {
      for (const one of rest.splice(0)) putNext(one)
      break
    }
    const [, name, value] = /^--([A-Za-z_][A-Za-z0-9_-]*)(?:=([\s\S]*))?$/.exec(word) ?? []
    if (name === undefined) putNext(word)
    else if (value !== undefined) put(name, value)
    else if (name.startsWith('no-') && schemas[name.slice(3)]?.type === 'boolean') put(name.slice(3), 'false')
    else if (schemaOf(name).type === 'boolean') put(name, 'true')
    else {
      const next = rest.shift()
      if (next === undefined) throw usage(`--${name} wants a value.`)
      put(name, next)
    }
  }
  const given = Object.fromEntries(args)
  const checked = checkValue(plugin.arguments, given)
  if (!checked.ok) throw new SeneschalError('args.invalid', `${checked.problems.join('; ')}.`)
  return given
}
