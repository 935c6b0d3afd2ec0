/** Whoever holds the key for one site's feed asks for another's, or for files that are no feed at all. */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { createHeadReader, readLine } from '../../wire/head-reader.ts'
import { inProcessAgent } from '../harness/in-process-agent.ts'
import { accountRow, siteFeed } from '../harness/site-feed.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

test('the key names no directory, and what it says of its place in the feed is no path', async (t) => {
  const dir = await temporaryDirectory(t)
  const own = await siteFeed(t, join(dir, 'own'))
  const other = await siteFeed(t, join(dir, 'other'))
  await own.put('account', 'ours', accountRow('ours'))
  await other.put('account', 'theirs', accountRow('theirs'))
  await mkdir(join(dir, 'own/state'))
  await writeFile(join(dir, 'own/state/permissions.json'), '{"secret":true}')
  const agent = inProcessAgent({ role: 'feed', site: join(dir, 'own') })

  const ask = async (input: unknown): Promise<string> => {
    const { stream, kill } = await agent.exec('feed')
    stream.write(`${JSON.stringify(input)}\n`)
    const reader = createHeadReader(stream)
    let said = ''
    for (
      let line = await readLine(reader, 65_536);
      line !== undefined;
      line = await readLine(reader, 65_536)
    ) {
      said += line
      if (line.includes('"current"') || line.includes('"error"')) break
    }
    kill()
    return said
  }
  for (const more of [
    { site: join(dir, 'other') },
    { directory: join(dir, 'other/feed/site') },
    { since: { epoch: '../../state', seq: 0, file: 'permissions.json' } },
    { since: { epoch: 'x', seq: -1 } },
    { since: { epoch: 'x', seq: '../state' } },
  ])
    assert.match(await ask({ version: 1, ...more }), /"code":"input\.invalid"/)

  const said = await ask({ version: 1, since: { epoch: '../../../other/feed/site', seq: 0 } })
  assert.match(said, /"ours"/)
  assert.doesNotMatch(said, /theirs|secret/)
})
