/**
 * Spawners from files of the site's own, named in the hub's configuration. Such a module runs inside the hub with all
 * its rights, so what could be changed by anybody but root and the hub's account is not loaded.
 */
import { createHash } from 'node:crypto'
import { lstatSync, readFileSync, realpathSync, type Stats } from 'node:fs'
import { registerHooks } from 'node:module'
import { dirname, isAbsolute, relative, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { z } from 'zod/mini'
import { SeneschalError } from '../protocol/errors.ts'
import { checkValue, objectSchema } from '../protocol/json-schema.ts'
import { type Spawner, type SpawnerDeps, spawnerContract } from './contract.ts'
import * as kit from './module-kit.ts'

const moduleName = z.string().check(z.regex(/^[a-z][a-z0-9-]{0,31}$/))

export const moduleOptions = z.strictObject({
  /** The file, `.ts`, `.js` or `.mjs`; everything that it imports lies beside or below it, or is Node's. */
  path: z.string().check(z.regex(/^\/.*\.m?[jt]s$/)),
  /** What the module calls itself: a file that was mixed up with another is not loaded. */
  name: moduleName,
  /** As the module's own schema says. */
  options: z._default(z.record(z.string(), z.unknown()), {}),
})
export type ModuleOptions = Readonly<z.infer<typeof moduleOptions>>

export type LoadedModule = {
  readonly name: string
  /** SHA-256 of every file that was loaded from its directory, by path. */
  readonly files: ReadonlyMap<string, string>
  /** Throws `config.invalid`, with everything that is wrong with the options. */
  readonly create: (options: unknown, deps: SpawnerDeps) => Spawner
}

const refuse = (path: string, why: string, cause?: unknown): never => {
  throw new SeneschalError('config.invalid', `spawner ${path}: ${why}`, { cause })
}

/** Sticky directories above it, such as /tmp, keep their entries from anybody but their owners. */
const mustBeOurs = (path: string, found: Stats, isAncestor: boolean): void => {
  const uid = process.getuid?.()
  if (found.uid !== 0 && found.uid !== uid)
    refuse(path, `belongs to uid ${found.uid}, neither root nor this account.`)
  const isSticky = isAncestor && (found.mode & 0o1000) !== 0
  if ((found.mode & 0o022) !== 0 && !isSticky)
    refuse(path, 'can be written to by its group or others: chmod go-w it.')
}

const mustBeSafe = (file: string, root: string): void => {
  const found = lstatSync(file)
  if (!found.isFile()) refuse(file, 'is not a regular file.')
  mustBeOurs(file, found, false)
  for (let path = dirname(file); ; path = dirname(path)) {
    mustBeOurs(path, lstatSync(path), path !== root && !path.startsWith(root + sep))
    if (path === dirname(path)) return
  }
}

const kitName = 'seneschal/spawner'
const kitUrl = 'seneschal:spawner'
const kitKey = 'seneschal.spawner-kit'

/** While `load` runs, its import of the kit is answered by this installation, and its files are looked at. */
const guarded = async <T>(root: string, files: Map<string, string>, load: () => Promise<T>): Promise<T> => {
  Object.defineProperty(globalThis, Symbol.for(kitKey), { value: kit, configurable: true })
  const source = `export const { ${Object.keys(kit).join(', ')} } = globalThis[Symbol.for('${kitKey}')]`
  const isOfModule = (url: string | undefined): boolean =>
    url?.startsWith('file:') === true && fileURLToPath(url).startsWith(root + sep)
  const hooks = registerHooks({
    resolve: (specifier, context, next) => {
      if (!isOfModule(context.parentURL)) return next(specifier, context)
      if (specifier === kitName) return { url: kitUrl, shortCircuit: true }
      const found = next(specifier, context)
      if (!found.url.startsWith('node:') && !isOfModule(found.url))
        refuse(fileURLToPath(context.parentURL ?? ''), `imports ${specifier}, which lies outside ${root}.`)
      return found
    },
    load: (url, context, next) => {
      if (url === kitUrl) return { format: 'module', source, shortCircuit: true }
      if (!isOfModule(url)) return next(url, context)
      const file = fileURLToPath(url)
      mustBeSafe(file, root)
      files.set(relative(root, file), createHash('sha256').update(readFileSync(file)).digest('hex'))
      return next(url, context)
    },
  })
  try {
    return await load()
  } finally {
    hooks.deregister()
  }
}

const isFunction = (value: unknown): value is (options: unknown, deps: SpawnerDeps) => Spawner =>
  typeof value === 'function'

/** Rejects with `config.invalid`, which says what is wrong with the file or with what it exports. */
export const loadSpawnerModule = async (given: string): Promise<LoadedModule> => {
  if (!isAbsolute(given)) refuse(given, 'is not an absolute path.')
  let path = given
  try {
    path = realpathSync(given)
    mustBeSafe(path, dirname(path))
  } catch (cause) {
    if (cause instanceof SeneschalError) throw cause
    refuse(given, `cannot be read: ${(cause as NodeJS.ErrnoException).code ?? 'unknown error'}.`, cause)
  }
  const files = new Map<string, string>()
  const loaded: unknown = await guarded(
    dirname(path),
    files,
    () => import(pathToFileURL(path).href) as Promise<unknown>,
  ).catch((cause: unknown) => {
    if (cause instanceof SeneschalError) throw cause
    return refuse(given, `cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`, cause)
  })
  const module = (loaded as { readonly default?: unknown }).default
  if (typeof module !== 'object' || module === null) return refuse(given, 'has no default export.')
  const { contract, name, options, create } = module as Readonly<Record<string, unknown>>
  if (contract !== spawnerContract)
    return refuse(given, `is for contract ${String(contract)}; this installation has ${spawnerContract}.`)
  const named = moduleName.safeParse(name)
  if (!named.success) return refuse(given, 'its name is not of small letters, digits and hyphens.')
  const schema = objectSchema.safeParse(options)
  if (!schema.success)
    return refuse(given, `its schema of options is not right: ${z.prettifyError(schema.error)}`)
  if (!isFunction(create)) return refuse(given, 'has no function create.')
  return {
    name: named.data,
    files,
    create: (chosen, deps) => {
      const checked = checkValue(schema.data, chosen)
      if (!checked.ok) return refuse(given, `options: ${checked.problems.join('; ')}`)
      const spawner: unknown = create(checked.value, deps)
      for (const member of ['start', 'poll', 'stop', 'dial', 'close'] as const)
        if (typeof (spawner as Readonly<Record<string, unknown>> | null)?.[member] !== 'function')
          return refuse(given, `what it creates has no function ${member}.`)
      return spawner as Spawner
    },
  }
}
