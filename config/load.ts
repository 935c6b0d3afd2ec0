/** A configuration out of a YAML file, the environment and flags, checked against its schema. */
import { readFileSync } from 'node:fs'
import { stringify } from 'yaml'
import type { z } from 'zod/mini'
import { SeneschalError } from '../protocol/errors.ts'
import { checkYaml } from './check.ts'
import { type Path, parseYaml, type Yaml } from './yaml.ts'

export type Sources = {
  readonly file?: string | undefined
  /** The process's environment; only names that begin with `prefix` are looked at. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** `SENESCHAL_HUB_`: then `SENESCHAL_HUB_LISTEN__PORT=8000` sets `listen.port`. */
  readonly prefix?: string
  /** Dotted path → YAML scalar: `{ 'listen.port': '8000' }`. They win over the environment, it over the file. */
  readonly flags?: Readonly<Record<string, string | undefined>>
}

type Override = { readonly path: readonly string[]; readonly text: string; readonly origin: string }

const camel = (name: string): string =>
  name.toLowerCase().replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

const fromEnvironment = (env: Sources['env'] = {}, prefix: string): readonly Override[] =>
  Object.entries(env).flatMap(([name, text]) =>
    text === undefined || !name.startsWith(prefix)
      ? []
      : [{ path: name.slice(prefix.length).split('__').map(camel), text, origin: `environment ${name}` }],
  )

const fromFlags = (flags: Sources['flags'] = {}): readonly Override[] =>
  Object.entries(flags).flatMap(([name, text]) =>
    text === undefined ? [] : [{ path: name.split('.'), text, origin: `option --${name}` }],
  )

const forbidden = new Set(['__proto__', 'constructor', 'prototype'])

const apply = (value: unknown, override: Override): void => {
  let here = value as Record<string, unknown>
  for (const [index, step] of override.path.entries()) {
    if (forbidden.has(step)) throw new SeneschalError('config.invalid', `${override.origin}: not a key`)
    if (index === override.path.length - 1) {
      here[step] = parseYaml(override.text, override.origin).value
      return
    }
    const next = Object.hasOwn(here, step) ? here[step] : undefined
    const child = typeof next === 'object' && next !== null ? next : {}
    here[step] = child
    here = child as Record<string, unknown>
  }
}

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error'
    throw new SeneschalError('config.invalid', `${file}:1:1: cannot be read: ${code}`, { cause })
  }
}

/** Throws `config.invalid`: one `file:line:column: message` a line, or the variable or option that is wrong. */
export const loadConfig = <T>(schema: z.ZodMiniType<T>, sources: Sources): T => {
  const yaml: Yaml = parseYaml(
    sources.file === undefined ? '{}' : read(sources.file),
    sources.file ?? 'configuration',
  )
  const value: unknown = yaml.value ?? {}
  const overrides = [
    ...(sources.prefix === undefined ? [] : fromEnvironment(sources.env, sources.prefix)),
    ...fromFlags(sources.flags),
  ]
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new SeneschalError('config.invalid', yaml.complain([], 'a configuration is a map of keys'))
  for (const override of overrides) apply(value, override)
  const overridden = (path: Path): Override | undefined =>
    overrides.findLast((one) => one.path.every((step, index) => index >= path.length || path[index] === step))
  return checkYaml(
    schema,
    {
      ...yaml,
      complain: (path, message) => {
        const origin = path.length > 0 ? overridden(path)?.origin : undefined
        return origin === undefined ? yaml.complain(path, message) : `${origin}: ${message}`
      },
    },
    [],
    value,
  )
}

/** The configuration as YAML again, for `--print-config`. Secrets are references, so nothing leaks. */
export const printConfig = (value: unknown): string => stringify(value, { lineWidth: 110 })
