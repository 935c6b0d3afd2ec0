import assert from 'node:assert/strict'
import { chmod, chown, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readPluginFiles } from '../../daemon/plugins/files.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { pluginDirectory, pluginSource } from '../harness/plugins.ts'

const uid = process.getuid?.() ?? -1

const read = async (root: string) =>
  readPluginFiles({ name: 'tool', root, directory: join(root, 'tool'), uid, beyond: false })

const made = (t: TestContext): Promise<string> =>
  pluginDirectory(t, { 'tool/tool.ts': pluginSource({}), 'tool/lib/part.ts': 'export const a = 1\n' })

/** Each change makes a plugin that somebody else could change, or that reaches out of its directory. */
const lies: Readonly<Record<string, readonly [(root: string) => Promise<unknown>, RegExp]>> = {
  'whose file its group may write': [(root) => chmod(join(root, 'tool/tool.ts'), 0o664), /chmod go-w/],
  'whose library everybody may write': [(root) => chmod(join(root, 'tool/lib/part.ts'), 0o646), /chmod go-w/],
  'in a directory that its group may write': [(root) => chmod(join(root, 'tool'), 0o775), /chmod go-w/],
  'with a library directory that others may write': [
    (root) => chmod(join(root, 'tool/lib'), 0o757),
    /chmod go-w/,
  ],
  'below a configured directory that others may write': [(root) => chmod(root, 0o777), /chmod go-w/],
  'with a link out of its directory': [
    async (root) => {
      await writeFile(join(root, 'outside.ts'), '')
      await symlink('../outside.ts', join(root, 'tool/outside.ts'))
    },
    /link that leaves/,
  ],
  'with an absolute link': [
    (root) => symlink(join(root, 'tool/tool.ts'), join(root, 'tool/again.ts')),
    /link that leaves/,
  ],
  'that is itself a link to elsewhere': [
    async (root) => {
      await mkdir(join(root, 'elsewhere/deep'), { recursive: true })
      await rename(join(root, 'tool'), join(root, 'elsewhere/deep/tool'))
      await symlink('elsewhere/deep/tool', join(root, 'tool'))
    },
    /link that leaves/,
  ],
  'with a dangling link': [(root) => symlink('nothing', join(root, 'tool/link')), /link to nothing/],
  'that could be two': [(root) => writeFile(join(root, 'tool/tool.py'), '', { mode: 0o644 }), /which is it/],
  'that is none': [(root) => rm(join(root, 'tool/tool.ts')), /holds neither/],
  'that is not executable': [
    async (root) => {
      await rm(join(root, 'tool/tool.ts'))
      await writeFile(join(root, 'tool/tool'), '#!/bin/sh\n', { mode: 0o644 })
    },
    /not executable/,
  ],
  ...(uid === 0
    ? {
        'of a foreign owner': [
          (root: string) => chown(join(root, 'tool/lib/part.ts'), 40_001, 0),
          /belongs to uid 40001/,
        ] as const,
      }
    : {}),
}

for (const [what, [lie, why]] of Object.entries(lies))
  test(`a plugin ${what} is not activated`, async (t) => {
    const root = await made(t)
    const honest = await read(root)
    await lie(root)
    await assert.rejects(
      read(root),
      (error) =>
        error instanceof SeneschalError && error.code === 'plugin.invalid' && why.test(error.message),
    )
    assert.match(honest.digest, /^[0-9a-f]{64}$/)
  })

test('a plugin’s digest changes with any byte, name or executable bit of it', async (t) => {
  const digests = new Set<string>()
  const root = await made(t)
  const look = async () => digests.add((await read(root)).digest)
  await look()
  await writeFile(join(root, 'tool/lib/part.ts'), 'export const a = 2\n')
  await look()
  await rename(join(root, 'tool/lib/part.ts'), join(root, 'tool/lib/other.ts'))
  await look()
  await chmod(join(root, 'tool/lib/other.ts'), 0o755)
  await look()
  await symlink('other.ts', join(root, 'tool/lib/link.ts'))
  await look()
  assert.equal(digests.size, 5)
})
