/** A permission layer by itself: as somebody writes it in a request, without the file around it. */
import { Document, visit } from 'yaml'
import { SeneschalError } from '../protocol/errors.ts'
import { type Layer, permissionClasses, type Rules, ruleKeys } from '../protocol/permissions.ts'
import { layerFrom } from './site.ts'
import { parseYaml } from './yaml.ts'

/** `name` is for people, and stands before line and column in what is thrown: `config.invalid`. */
export const parseLayer = (text: string, name: string): Layer => {
  const yaml = parseYaml(text, name)
  const { value } = yaml
  if (typeof value === 'object' && value !== null && 'permissions' in value)
    throw new SeneschalError(
      'config.invalid',
      yaml.complain(['permissions'], 'only what stands below “permissions:” belongs here, without that line'),
    )
  return layerFrom(yaml, name, [], value)
}

/** The same text for the same rules, whatever order they were written in. */
export const writeLayer = (rules: Rules): string => {
  const lines = ruleKeys.flatMap((key) => (rules[key] === undefined ? [] : [[key, rules[key]] as const]))
  if (lines.length === 0) return ''
  const document = new Document(Object.fromEntries(lines))
  visit(document, {
    Seq: (_key, list) => {
      list.flow = true
    },
  })
  return document.toString({ lineWidth: 0, flowCollectionPadding: false })
}

/** Every class to nobody: what stands in for a layer that cannot be read. */
export const closedLayer = (file: string): Layer => ({
  rules: Object.fromEntries(permissionClasses.map((name) => [name, []])),
  source: { file, lines: Object.fromEntries(permissionClasses.map((name) => [name, 1])) },
})
