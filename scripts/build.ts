/**
 * Builds what runs elsewhere than from source: the pages, one bundle for the far side (agent, UI server, supervisor)
 * and one for the site's own parts (hub, daemon). `--if-changed` does nothing where the sources are those of the last build; `--all` adds the
 * package itself (dist/, plain JavaScript).
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { rolldown } from 'rolldown'

const root = dirname(import.meta.dirname)
const bin = (name: string): string => join(root, 'node_modules', '.bin', name)

const sources = (folder: string): readonly string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()

const digest = (folders: readonly string[]): string => {
  const hash = createHash('sha256')
  for (const file of [...folders.flatMap(sources), join(root, 'package-lock.json'), import.meta.filename])
    hash.update(file.slice(root.length)).update('\0').update(readFileSync(file)).update('\0')
  return hash.digest('hex')
}

/** Runs `make` unless the last build saw the same sources. */
const unlessBuilt = async (
  name: string,
  folders: readonly string[],
  make: () => Promise<void>,
): Promise<void> => {
  const stamp = join(root, 'dist', `.${name}`)
  const wanted = digest(folders)
  if (process.argv.includes('--if-changed') && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted)
    return
  const started = Date.now()
  await make()
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, wanted)
  process.stderr.write(`build: ${name} in ${Date.now() - started} ms\n`)
}

/** One file and its lazy chunks; Node's own modules stay outside, everything else goes in. */
const bundle = async (name: string, entry: string): Promise<void> => {
  const built = await rolldown({
    input: { seneschal: join(root, entry) },
    platform: 'node',
    // CommonJS libraries ask where they are; a module has another word for it.
    transform: { define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' } },
    // Optional native parts of libraries: each works without, and none is shipped.
    external: [/^node:/, /\.node$/, 'bufferutil', 'utf-8-validate', 'cpu-features', 'pg-native'],
    logLevel: 'warn',
  })
  await built.write({
    dir: join(root, 'dist', name),
    format: 'esm',
    cleanDir: true,
    entryFileNames: '[name].mjs',
    chunkFileNames: 'chunk-[hash].mjs',
  })
  await built.close()
}

/** Built-in plugins beside the bundle as a site's own would lie, whatever the umask: nobody else may write to them. */
const plugins = (target: string): void => {
  for (const file of sources('plugins').filter((path) => dirname(dirname(path)) === join(root, 'plugins'))) {
    const directory = join(target, basename(dirname(file)))
    mkdirSync(directory, { recursive: true })
    chmodSync(directory, 0o755)
    copyFileSync(file, join(directory, basename(file)))
    chmodSync(join(directory, basename(file)), 0o644)
  }
  chmodSync(target, 0o755)
}

const pages = async (): Promise<void> => {
  execFileSync(bin('node'), [bin('vite'), 'build', 'web', '--logLevel', 'warn'], {
    cwd: root,
    stdio: 'inherit',
  })
}

const shared = ['protocol', 'policy', 'config', 'durable', 'wire', 'runners', 'uiserver', 'cli']
await unlessBuilt('web', ['web', 'protocol'], pages)
await unlessBuilt('far', shared, () => bundle('far', 'cli/far.ts'))
await unlessBuilt('site', [...shared, 'engine', 'spawners', 'hub', 'daemon', 'plugins'], async () => {
  await bundle('site', 'cli/site.ts')
  plugins(join(root, 'dist/site/plugins'))
})
if (process.argv.includes('--all'))
  execFileSync(bin('tsc'), ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
