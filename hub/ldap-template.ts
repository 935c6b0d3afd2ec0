/**
 * A search filter with `{name}` and `{dn}` in it. It is parsed once and filled in as a tree, so that no name can add
 * anything to it, whatever characters it has (RFC 4515).
 */
import {
  AndFilter,
  EqualityFilter,
  ExtensibleFilter,
  type Filter,
  FilterParser,
  NotFilter,
  OrFilter,
} from 'ldapts'

export type LdapTemplate = (values: Readonly<Record<string, string>>) => Filter

const placeholder = /^\{(name|dn)\}$/

const fill = (filter: Filter, values: Readonly<Record<string, string>>): Filter => {
  const valueFor = (text: string): string => {
    const key = placeholder.exec(text)?.[1]
    if (key === undefined) return text
    const value = values[key]
    if (value === undefined) throw new TypeError(`nothing is known for {${key}}`)
    return value
  }
  if (filter instanceof AndFilter)
    return new AndFilter({ filters: filter.filters.map((one) => fill(one, values)) })
  if (filter instanceof OrFilter)
    return new OrFilter({ filters: filter.filters.map((one) => fill(one, values)) })
  if (filter instanceof NotFilter) return new NotFilter({ filter: fill(filter.filter, values) })
  if (filter instanceof EqualityFilter)
    return new EqualityFilter({
      attribute: filter.attribute,
      value: typeof filter.value === 'string' ? valueFor(filter.value) : filter.value,
    })
  if (filter instanceof ExtensibleFilter)
    return new ExtensibleFilter({
      rule: filter.rule,
      matchType: filter.matchType,
      dnAttributes: filter.dnAttributes,
      value: valueFor(filter.value),
    })
  return filter
}

/** Throws where the text is no filter, or where a placeholder stands inside a longer value. */
export const parseTemplate = (text: string): LdapTemplate => {
  const parsed = FilterParser.parseString(text)
  const inside = /\{(?:name|dn)\}/
  const filled = fill(parsed, { name: 'n', dn: 'd' }).toString()
  if (inside.test(filled)) throw new TypeError('{name} and {dn} stand for whole values')
  return (values) => fill(parsed, values)
}

/** Which of the placeholders a template has. */
export const placeholdersIn = (text: string): ReadonlySet<string> =>
  new Set([...text.matchAll(/\{(name|dn)\}/g)].map(([, key]) => key ?? ''))
