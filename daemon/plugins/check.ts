/** The test kit for authors: everything that a daemon would look at, and the plugin's own examples, without a daemon. */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { asSeneschalError, SeneschalError } from '../../protocol/errors.ts'
import { type PluginExample, pluginName, verdict } from '../../protocol/plugins.ts'
import { parseStep } from '../../protocol/steps.ts'
import { openPlugin, type Plugin, prlimitProgram } from './activate.ts'
import { readPluginFiles } from './files.ts'
import type { Installation } from './installation.ts'

export type Finding = { readonly ok: boolean; readonly what: string; readonly detail: string }

export type CheckSettings = {
  /** `…/NAME` or `…/NAME@VERSION`. */
  readonly directory: string
  readonly installation: Installation
  /** undefined: without a sandbox. */
  readonly bubblewrap: string | undefined
  readonly uid: number
  /** Not seen by the plugin in its sandbox. */
  readonly home: string | undefined
  readonly now: () => number
}

type Outcome = { readonly kind: PluginExample['expect'] | 'failed'; readonly detail: string }

const ask = async ({ host }: Plugin, example: PluginExample, at: number): Promise<Outcome> => {
  const request = {
    id: '00000000-0000-7000-8000-000000000000',
    account: 'example',
    person: null,
    groups: [],
    ...example.request,
    args: example.args,
    at,
  }
  try {
    const answer = await host.decide({ op: 'decide', request, settings: example.settings ?? {} })
    if ('invalid' in answer) return { kind: 'invalid', detail: answer.invalid.join('; ') }
    if ('step' in answer) return { kind: parseStep(answer.step).kind, detail: '' }
    const ruling = verdict.safeParse('verdict' in answer ? answer.verdict : undefined)
    if (ruling.data?.allowed !== false)
      return { kind: 'failed', detail: 'its rule answered neither yes nor no' }
    return { kind: 'refused', detail: ruling.data.reason }
  } catch (thrown) {
    return { kind: 'failed', detail: asSeneschalError(thrown).message }
  }
}

const tryExamples = async (plugin: Plugin, now: () => number): Promise<readonly Finding[]> => {
  const findings: Finding[] = []
  for (const [index, example] of (plugin.description.examples ?? []).entries()) {
    const { kind, detail } = await ask(plugin, example, now())
    const ok = kind === example.expect
    const told = detail === '' ? kind : `${kind}: ${detail}`
    findings.push({
      ok,
      what: `example ${index + 1}`,
      detail: ok ? told : `${told}; expected ${example.expect}`,
    })
  }
  if (findings.length === 0)
    findings.push({
      ok: false,
      what: 'examples',
      detail: 'it has none, so its rule and its plans were not tried',
    })
  return findings
}

/** Every finding, the first failure that leaves nothing more to look at the last. */
export const checkPlugin = async (settings: CheckSettings): Promise<readonly Finding[]> => {
  const findings: Finding[] = []
  const { directory } = settings
  const [name = '', version] = basename(directory).split('@')
  const copies = await mkdtemp(join(tmpdir(), 'seneschal-plugin-'))
  let printed = ''
  try {
    if (!pluginName.safeParse(name).success)
      throw new SeneschalError('plugin.invalid', `${basename(directory)} is no name for a plugin.`)
    const files = await readPluginFiles({
      name,
      root: dirname(directory),
      directory,
      uid: settings.uid,
      beyond: false,
    })
    findings.push({ ok: true, what: 'files', detail: `${files.entries.length}, sha256 ${files.digest}` })
    const { home } = settings
    const plugin = await openPlugin(
      files,
      { name, ...(version === undefined ? {} : { version }), ...authorDefaults },
      {
        installation: settings.installation,
        bubblewrap: settings.bubblewrap,
        prlimit: prlimitProgram(),
        hideDirectories: home === undefined || home === '/' || !existsSync(home) ? [] : [home],
        hideFiles: [],
        copies,
        now: settings.now,
        onFailure: (_plugin, _why, output) => {
          printed = output
        },
      },
    )
    findings.push({ ok: true, what: 'describe', detail: `version ${plugin.description.version}` })
    try {
      findings.push(...(await tryExamples(plugin, settings.now)))
    } finally {
      plugin.host.close()
    }
  } catch (thrown) {
    findings.push({ ok: false, what: 'plugin', detail: asSeneschalError(thrown).message })
  } finally {
    await rm(copies, { recursive: true, force: true })
  }
  if (printed !== '') findings.push({ ok: false, what: 'printed', detail: printed })
  return findings
}

const authorDefaults = {
  settings: {},
  anyUser: false,
  network: false,
  timeLimit: 'PT5S',
  memory: 128,
} as const
