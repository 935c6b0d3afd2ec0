/** The tunnel under abuse: a real sshd that changes its keys every 8 MB, the real agent, one real UI server. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { canRunSshd } from '../harness/sshd.ts'
import {
  abortRequests,
  countCorrupt,
  pausedReaders,
  readStretch,
  smallRequestTime,
  startTunnelSite,
  type TunnelSite,
} from '../harness/tunnel-site.ts'

const skip = (await canRunSshd()) ? false : 'needs root and sshd'
const logBytes = 96_000_000
/** Small request of somebody else, ms. */
const budget = 50

describe('one account’s tunnel', { skip }, () => {
  let site: TunnelSite
  before(async () => {
    site = await startTunnelSite({ logBytes })
  })
  after(() => site?.close())

  test('288 downloads at once carry every byte, while the keys change', async () => {
    const before = await site.rekeyed()
    assert.equal(await countCorrupt(site, logBytes, 288), 0)
    assert.ok((await site.rekeyed()) - before >= 8, 'sshd changed its keys')
  })

  test('a browser that aborts 3,000 downloads closes nobody else’s socket', async () => {
    const viewer = await site.viewer()
    await abortRequests(site, 3000)
    await viewer.isThere()
    assert.ok((await smallRequestTime(site)) <= budget)
    assert.equal((await site.server()).state, 'running')
    viewer.close()
  })

  test('200 downloads that nobody reads slow nobody else down', async () => {
    const viewer = await site.viewer()
    const unread = await Promise.all(Array.from({ length: 200 }, () => site.leaveUnread(site.log)))
    assert.ok((await smallRequestTime(site)) <= budget)
    await viewer.isThere()
    assert.equal(unread.filter(({ destroyed }) => destroyed).length, 0, 'nor was anybody thrown out for it')
    for (const stream of unread) stream.destroy()
    viewer.close()
  })

  test('100 readers who pause in the middle slow nobody else down, and may go on', async () => {
    const viewer = await site.viewer()
    const paused = await pausedReaders(site, 100)
    assert.ok((await smallRequestTime(site)) <= budget)
    await viewer.isThere()
    const [first, ...others] = paused
    for (const answer of others) answer.destroy()
    let rest = 0
    for await (const piece of first ?? []) rest += (piece as Buffer).length
    assert.ok(rest > logBytes * 0.9)
    viewer.close()
  })

  test('after a cut connection the next request has a tunnel again, to the same server', async () => {
    const { pid } = await site.server()
    const paused = await pausedReaders(site, 20)
    const cut = Promise.all(paused.map((answer) => new Promise((resolve) => answer.once('close', resolve))))
    await site.dropConnections()
    await cut
    const { got, wanted } = await readStretch(site, 1_000_003, 9_000_001)
    assert.equal(got, wanted)
    assert.deepEqual(await site.server(), { state: 'running', pid })
  })
})
