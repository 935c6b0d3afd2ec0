/**
 * The process in which one version of one plugin lives: it loads the plugin, checks arguments against its schema, and
 * asks it. Nothing here is trusted by the daemon; it only keeps the plugin away from the daemon's own process.
 */
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { createLineSplitter } from '../../durable/line-splitter.ts'
import { checkValue } from '../../protocol/json-schema.ts'
import * as contract from '../../protocol/plugin-contract.ts'
import { type PluginDescription, pluginDescription, verdict } from '../../protocol/plugins.ts'
import { type HostAnswer, type HostCall, hostCall, hostLineLimit } from './host-messages.ts'
import { createProgram } from './program.ts'

type Json = Readonly<Record<string, unknown>>
type Answer = HostAnswer extends infer A ? (A extends HostAnswer ? Omit<A, 'id'> : never) : never

/** The same questions, whatever the plugin is written in. */
type Loaded = {
  readonly describe: () => Promise<unknown>
  readonly authorize: (request: Json, settings: Json) => Promise<unknown>
  readonly plan: (args: unknown, request: Json, settings: Json) => Promise<unknown>
}

const contractName = 'seneschal/plugin'
const contractUrl = 'seneschal:plugin'
const contractKey = 'seneschal.plugin-contract'

/** A plugin's import of the contract is answered by the installation that runs it, bundled or not. */
const provideContract = (): void => {
  Object.defineProperty(globalThis, Symbol.for(contractKey), { value: contract })
  const source = `export const { ${Object.keys(contract).join(', ')} } = globalThis[Symbol.for('${contractKey}')]`
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === contractName ? { url: contractUrl, shortCircuit: true } : next(specifier, context),
    load: (url, context, next) =>
      url === contractUrl ? { format: 'module', source, shortCircuit: true } : next(url, context),
  })
}

const isFunction = (value: unknown): value is (...args: readonly unknown[]) => unknown =>
  typeof value === 'function'

const loadModule = async (path: string): Promise<Loaded> => {
  provideContract()
  const loaded = (await import(pathToFileURL(path).href)) as { readonly default?: unknown }
  const plugin = loaded.default
  if (typeof plugin !== 'object' || plugin === null) throw new Error('it has no default export')
  const { authorize, plan, ...description } = plugin as Json
  if (!isFunction(authorize) || !isFunction(plan)) throw new Error('it has no functions authorize and plan')
  return {
    describe: async () => description,
    authorize: async (request, settings) => authorize(request, settings),
    plan: async (args, request, settings) => plan(args, request, settings),
  }
}

const loadProgram = (command: readonly [string, ...string[]]): Loaded => {
  const program = createProgram(command)
  return {
    describe: () => program({ op: 'describe' }),
    authorize: (request, settings) => program({ op: 'authorize', request, settings }),
    plan: (args, request, settings) => program({ op: 'plan', args, request, settings }),
  }
}

const load = ({ directory, file, kind }: Extract<HostCall, { op: 'load' }>): Promise<Loaded> | Loaded => {
  const path = join(directory, file)
  if (kind === 'module') return loadModule(path)
  return loadProgram(kind === 'python' ? ['python3', '-B', path] : [path])
}

type Ready = {
  readonly plugin: Loaded
  readonly description: PluginDescription
  /** undefined: those that were loaded do not fit; a call has to bring its own. */
  readonly settings: Json | undefined
}

const begin = async (call: Extract<HostCall, { op: 'load' }>): Promise<{ ready?: Ready; answer: Answer }> => {
  const plugin = await load(call)
  const described = await plugin.describe()
  const parsed = pluginDescription.safeParse(described)
  // The daemon says what is wrong with it: it looks for itself anyway.
  if (!parsed.success) return { answer: { description: described, problems: [] } }
  const checked = checkValue(parsed.data.settings, call.settings)
  return {
    ready: { plugin, description: parsed.data, settings: checked.ok ? checked.value : undefined },
    answer: { description: described, problems: checked.ok ? [] : [...checked.problems] },
  }
}

const decide = async (ready: Ready, call: Extract<HostCall, { op: 'decide' }>): Promise<Answer> => {
  const { plugin, description } = ready
  const args = checkValue(description.arguments, call.request.args)
  if (!args.ok) return { invalid: [...args.problems] }
  const given = call.settings === undefined ? undefined : checkValue(description.settings, call.settings)
  if (given?.ok === false) return { invalid: given.problems.map((problem) => `settings: ${problem}`) }
  const settings = given?.value ?? ready.settings
  if (settings === undefined) return { error: 'its settings do not fit' }
  const request = { ...call.request, args: args.value }
  const ruling = await plugin.authorize(request, settings)
  if (verdict.safeParse(ruling).data?.allowed !== true) return { verdict: ruling }
  return { step: await plugin.plan(args.value, request, settings) }
}

const wordsOf = (thrown: unknown): string =>
  (thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)).slice(0, 1000)

/** Until the input ends. One call at a time: the daemon sends the next after the answer. */
export const runPluginHost = async (io: {
  readonly input: Readable
  readonly answer: (line: string) => void
}): Promise<void> => {
  let ready: Ready | undefined
  const carryOut = async (call: HostCall): Promise<Answer> => {
    try {
      if (call.op === 'decide')
        return ready === undefined ? { error: 'it is not loaded' } : await decide(ready, call)
      const begun = await begin(call)
      ready = begun.ready
      return begun.answer
    } catch (thrown) {
      return { error: wordsOf(thrown) }
    }
  }
  const take = createLineSplitter(hostLineLimit, (line) => {
    const call = hostCall.parse(JSON.parse(line))
    void carryOut(call).then((answer) => io.answer(`${JSON.stringify({ id: call.id, ...answer })}\n`))
  })
  for await (const chunk of io.input) take(chunk as Buffer)
}
