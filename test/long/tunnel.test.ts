/** What test/integration/tunnel.test.ts does in seconds, in full and all at once, with nobody's memory growing. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { canRunSshd } from '../harness/sshd.ts'
import {
  abortRequests,
  countCorrupt,
  pausedReaders,
  smallRequestTime,
  startTunnelSite,
  type TunnelSite,
} from '../harness/tunnel-site.ts'
import { until } from '../harness/until.ts'

const skip = (await canRunSshd()) ? false : 'needs root and sshd'
const logBytes = 300_000_000
const budget = 50

/** Resident memory, MB. */
const residentOf = async (pid: number): Promise<number> =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

describe('one account’s tunnel, for minutes', { skip }, () => {
  let site: TunnelSite
  before(async () => {
    site = await startTunnelSite({ logBytes })
  })
  after(() => site?.close())

  test('300 MB over 288 streams, three times, while the keys change', async () => {
    for (let round = 0; round < 3; round += 1) {
      const before = await site.rekeyed()
      assert.equal(await countCorrupt(site, logBytes, 288), 0)
      assert.ok((await site.rekeyed()) - before >= 25, 'sshd changed its keys')
    }
  })

  test('aborted, unread and paused downloads together, again and again, hurt nobody else', async () => {
    const viewer = await site.viewer()
    const { pid } = await site.server()
    const used: number[] = []
    for (let round = 0; round < 6; round += 1) {
      const unread = await Promise.all(Array.from({ length: 200 }, () => site.leaveUnread(site.log)))
      const paused = await pausedReaders(site, 100)
      const [, time] = await Promise.all([abortRequests(site, 3000), smallRequestTime(site, 1)])
      assert.ok(time < 3000, `during the aborts: ${time} ms`)
      assert.ok((await smallRequestTime(site)) <= budget)
      await viewer.isThere()
      for (const stream of [...unread, ...paused]) stream.destroy()
      used.push(await residentOf(pid))
    }
    const [, second = 0] = used
    const last = used.at(-1) ?? 0
    assert.ok(last < second * 1.5 + 50, `the server grew: ${used.map(Math.round)} MB`)
    assert.deepEqual(await site.server(), { state: 'running', pid })
    viewer.close()
  })

  test('whoever reads nothing for half a minute is cut, and the road stays open', async () => {
    const unread = await Promise.all(Array.from({ length: 200 }, () => site.leaveUnread(site.log)))
    const left = () => unread.filter(({ destroyed }) => !destroyed).length
    await until(() => left() === 0, 90_000)
    assert.ok((await smallRequestTime(site)) <= budget)
  })
})
