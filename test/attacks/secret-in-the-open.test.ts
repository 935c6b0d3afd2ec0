/** Threat 40: what the server is told is looked for where others could read it. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createSpawner } from '../../spawners/registry.ts'
import { askWhoAmI, spawnSettingsFor } from '../harness/road.ts'

test('the settings of a server are in no command line, environment, log or readable file', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'secret-'))
  const secret = randomBytes(12).toString('hex')
  const ambient = randomBytes(12).toString('hex')
  const warnings: string[] = []
  const spawner = createSpawner(
    { kind: 'local', runDirRoot: dir },
    {
      now: Date.now,
      random: Math.random,
      // What the hub itself was told must not reach its children either.
      env: { ...process.env, SENESCHAL_DATABASE_PASSWORD: ambient },
      entry: join(import.meta.dirname, '..', 'harness', 'agent-entry.ts'),
      warn: (message, context) => warnings.push(JSON.stringify([message, context])),
    },
  )
  t.after(async () => {
    await spawner.close()
    await rm(dir, { recursive: true })
  })

  const commandLines = new Set<string>()
  let over = false
  const watching = (async () => {
    while (!over) {
      for (const pid of await readdir('/proc'))
        if (/^\d+$/.test(pid))
          commandLines.add(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''))
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  })()
  const texts: string[] = []
  const handle = await spawner.start(
    'clouds',
    spawnSettingsFor('clouds', `https://${secret}.example`),
    ({ text }) => void texts.push(text),
    new AbortController().signal,
  )
  const who = await askWhoAmI(() => spawner.dial(handle))
  over = true
  await watching

  assert.ok([...commandLines].some((line) => line.includes('agent-entry.ts\0uiserver')))
  const seen = [...commandLines, ...texts, ...warnings, ...who.arguments, JSON.stringify(who.environment)]
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile()) seen.push(await readFile(path, 'utf8'))
    assert.equal((await stat(path)).mode & 0o077, 0, path)
  }
  assert.doesNotMatch(seen.join('\n'), new RegExp(`${secret}|${ambient}`))
  await spawner.stop(handle)
})
