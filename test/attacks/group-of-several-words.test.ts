/** Row 42: a directory group whose name is made of other groups' names, and what `id` says with a failure. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { unixGroupsById } from '../../hub/unix-groups.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const run = promisify(execFile)
const skip = process.getuid?.() === 0 ? false : 'another /etc/group needs root'
const asked = join(import.meta.dirname, '../../hub/unix-groups.ts')

/** The groups of `daemon` on a host with another group file. */
const groupsWith = async (groupFile: string): Promise<readonly string[]> => {
  const script = `import(${JSON.stringify(asked)}).then(async ({ unixGroupsById }) =>
    console.log(JSON.stringify(await unixGroupsById('daemon'))))`
  const { stdout } = await run('unshare', [
    ...['-m', 'sh', '-c', 'mount --bind "$1" /etc/group && exec "$2" -e "$3"', 'sh'],
    ...[groupFile, process.execPath, script],
  ])
  return JSON.parse(stdout)
}

test('a group of two words is neither of two groups', { skip }, async (t) => {
  const file = join(await temporaryDirectory(t), 'group')
  const usual = await readFile('/etc/group', 'utf8')
  await writeFile(file, `${usual}\nsite admins:x:54321:daemon\n`)
  const groups = await groupsWith(file)
  assert.ok(groups.includes('site admins'), groups.join())
  for (const part of ['site', 'admins']) assert.ok(!groups.includes(part), part)
})

test('a group without a name takes no other group away, and is none by its number', { skip }, async (t) => {
  const file = join(await temporaryDirectory(t), 'group')
  // The primary group of daemon has no name any more.
  const others = (await readFile('/etc/group', 'utf8')).split('\n').filter((line) => !/^daemon:/.test(line))
  await writeFile(file, `${others.join('\n')}\noperators:x:54321:daemon\n`)
  assert.deepEqual(await groupsWith(file), ['operators'])
})

test('whoever has no account on the host has no group', async () => {
  assert.deepEqual(await unixGroupsById('nobody-is-called-this'), [])
})
