/** Threat 53: code prepared in a shared cache directory, or in NODE_OPTIONS, to run as the account. */
import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { createSpawner } from '../../spawners/registry.ts'
import { askWhoAmI, spawnSettingsFor } from '../harness/road.ts'

test('agent and server read no compile cache and no options that somebody else prepared', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'cache-'))
  const cache = await mkdtemp(join(tmpdir(), 'shared-'))
  await chmod(cache, 0o777)
  const poison = join(cache, 'poison.cjs')
  await writeFile(poison, `require('node:fs').writeFileSync(${JSON.stringify(join(cache, 'ran'))}, '')`)
  const spawner = createSpawner(
    { kind: 'local', runDirRoot: dir },
    {
      now: Date.now,
      random: Math.random,
      env: { ...process.env, NODE_COMPILE_CACHE: cache, NODE_OPTIONS: `--require=${poison}` },
      entry: join(import.meta.dirname, '..', 'harness', 'agent-entry.ts'),
      warn: () => undefined,
    },
  )
  t.after(async () => {
    await spawner.close()
    await rm(dir, { recursive: true })
    await rm(cache, { recursive: true })
  })
  const handle = await spawner.start(
    'clouds',
    spawnSettingsFor('clouds'),
    () => undefined,
    new AbortController().signal,
  )
  const { environment } = await askWhoAmI(() => spawner.dial(handle))
  await spawner.stop(handle)
  assert.deepEqual(await readdir(cache), ['poison.cjs'])
  assert.deepEqual(
    Object.keys(environment).filter((name) => name.startsWith('NODE_')),
    [],
  )
})

test('nothing of the product asks for a compile cache of Node’s own choosing, which lies in a shared directory', async () => {
  const root = dirname(dirname(import.meta.dirname))
  const rooms =
    'cli,config,daemon,demo,durable,engine,hub,plugins,policy,protocol,runners,spawners,uiserver,wire'
  const files = globSync(`{${rooms}}/**/*.ts`, { cwd: root })
  assert.ok(files.length > 200, 'the rooms were found')
  for (const file of files)
    assert.doesNotMatch(
      await readFile(join(root, file), 'utf8'),
      /enableCompileCache\(\s*\)|NODE_COMPILE_CACHE/,
      file,
    )
})
