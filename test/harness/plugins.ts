/** Plugins of tests: written for one test, or the built-in ones, run by a daemon in their real sandbox. */
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { bubblewrapProgram } from '../../demo/bubblewrap-program.ts'
import { startDaemon } from './in-process-daemon.ts'
import { temporaryDirectory } from './temporary.ts'

export const bubblewrap = bubblewrapProgram()

/** For tests that need it: those without it say so. */
export const needsSandbox = {
  skip: bubblewrap === undefined ? 'bubblewrap is neither installed nor unpacked' : false,
}

/** `NAME/FILE` → content; a file without an ending is executable. */
export const pluginDirectory = async (
  t: TestContext,
  files: Readonly<Record<string, string>>,
): Promise<string> => {
  const root = await temporaryDirectory(t)
  await chmod(root, 0o755)
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name)
    await mkdir(dirname(path), { recursive: true, mode: 0o755 })
    await writeFile(path, content)
    await chmod(path, /\.[a-z]+$/.test(name) ? 0o644 : 0o755)
  }
  return root
}

/** A plugin in TypeScript with no arguments, whose parts are given as source text. */
export const pluginSource = (parts: {
  readonly version?: string
  readonly top?: string
  readonly authorize?: string
  readonly plan?: string
}): string => `
import { allowed, definePlugin } from 'seneschal/plugin'
${parts.top ?? ''}
export default definePlugin({
  version: '${parts.version ?? '1.0.0'}',
  help: 'Made for a test.',
  arguments: { type: 'object', properties: { what: { type: 'string' } } },
  positional: ['what'],
  audit: { what: 'keep' },
  settings: { type: 'object', additionalProperties: { type: 'string' } },
  authorize: async (request, settings) => { ${parts.authorize ?? 'return allowed'} },
  plan: async (args, request, settings) => { ${parts.plan ?? "return { kind: 'sequence', steps: [], message: 'planned' }"} },
})
`

export const workflows = {
  'atmosphere_stage/clouds':
    'schedule: { initial: 1, final: 2, recurrence: P1 }\ngraph: climb\ntasks: { climb: { script: "true" } }\n',
}

type Active = Readonly<Record<string, unknown>> & { readonly name: string }

/** A daemon with these plugins active, version 1.0.0 where none is said. */
export const daemonWithPlugins = (
  t: TestContext,
  directories: readonly string[],
  active: readonly Active[],
  more: Readonly<Record<string, unknown>> = {},
) =>
  startDaemon(t, {
    workflows,
    autoplay: false,
    plugins: {
      directories,
      active: active.map((one) => ({ version: '1.0.0', ...one })),
      ...(bubblewrap === undefined ? {} : { bubblewrap }),
      ...more,
    },
  })
