/**
 * An owner changes who may do what, on a whole demonstration site: felt at once by sessions and sockets that are open,
 * kept over a killed daemon, seen in the history, brought back from the command line.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { keepCookie } from '../../cli/hub/session-file.ts'
import { accountBody, actionAnswer, requestBody } from '../../protocol/api.ts'
import { frame } from '../../protocol/frames.ts'
import { layerBody, layerPreview } from '../../protocol/layers.ts'
import { signIn } from '../harness/kill-session.ts'
import { type RunningSite, startSite } from '../harness/site.ts'
import { until } from '../harness/until.ts'
import type { Visitor } from '../harness/visitor.ts'

const main = join(dirname(dirname(import.meta.dirname)), 'cli/main.ts')
const account = 'atmosphere_stage'
const path = `/api/accounts/${account}`
const siteFile = `
permissions: { read: [everyone], execute: [everyone] }
roles: { admin: [user:admin] }
accounts: { atmosphere_stage: { owners: [user:jacintar] }, oceans_stage: {} }
`

let site: RunningSite
let owner: Visitor
let mel: Visitor
const home = mkdtempSync(join(tmpdir(), 'seneschal-home-'))

const raise = async (visitor: Visitor, name: string): Promise<void> => {
  const answer = await visitor.change('POST', '/auth/elevate', { class: 'write' })
  assert.equal(answer.status, 200, answer.text)
  const { location } = answer.body as { location: string }
  await visitor.submit(await visitor.open(location), { name, password: name })
}

before(async () => {
  site = await startSite({ ssh: false, elevation: 'PT10M', siteFile })
  const at = { url: site.url, port: Number(new URL(site.url).port) }
  owner = await signIn(at, 'jacintar')
  mel = await signIn(at, 'mel')
  await raise(owner, 'jacintar')
  await owner.change('POST', `${path}/server`)
  await until(
    async () => accountBody.parse((await owner.ask('GET', path)).body).server.state === 'on',
    30_000,
  )
})
after(async () => {
  rmSync(home, { recursive: true })
  await site.stop()
})

const inForce = async (workflow?: string) =>
  layerBody.parse(
    (await owner.ask('GET', `${path}/permissions${workflow === undefined ? '' : `?workflow=${workflow}`}`))
      .body,
  )

/** Resolves with how it ended. */
const change = async (args: object, workflow?: string) => {
  const body = { ...(workflow === undefined ? {} : { workflow }), args }
  const sent = await owner.change('POST', `${path}/actions/permissions`, body)
  assert.equal(sent.status, 202, sent.text)
  const { request } = actionAnswer.parse(sent.body)
  let ended = requestBody.parse((await owner.ask('GET', `/api/requests/${request}`)).body)
  await until(async () => {
    ended = requestBody.parse((await owner.ask('GET', `/api/requests/${request}`)).body)
    return ended.state !== 'waiting'
  }, 10_000)
  return ended
}

const mayHold = async (visitor: Visitor): Promise<boolean | undefined> => {
  const found = accountBody.parse((await visitor.ask('GET', path)).body)
  return found.workflows.find(({ summary }) => summary.workflow === 'clouds')?.allowed.hold
}

/** Whether a frame takes a workflow's row away. */
const isGone = (text: string, workflow: string): boolean => {
  const told = frame.parse(JSON.parse(text))
  return told.type === 'delta' && told.drop.some(({ kind, key }) => kind === 'workflow' && key === workflow)
}

const seneschal = async (...args: readonly string[]) => {
  const cookie = owner.cookie('__Host-seneschal')
  await keepCookie(site.url, cookie, { HOME: home })
  const child = spawn(process.execPath, [main, ...args, '--hub', site.url], {
    env: { HOME: home, PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.err += text
  })
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, ...said }
}

test('what an owner takes away is gone within a second, and sockets stay open as long as they may', async () => {
  const stream = `/u/${account}/stream?workflow=clouds`
  const [ownersSocket, melsSocket, melsWall] = await Promise.all([
    owner.socket(stream),
    mel.socket(stream),
    mel.socket('/api/wall'),
  ])
  assert.equal(await mayHold(mel), true)
  const preview = await owner.change('POST', `${path}/permissions/preview`, { text: 'execute: [owner]' })
  assert.ok(
    layerPreview
      .parse(preview.body)
      .changes.some(({ who, loses }) => who === 'everyone' && loses.includes('hold')),
  )
  assert.equal(await mayHold(mel), true, 'a preview changes nothing')

  assert.equal((await change({ base: 0, text: 'execute: [owner]' })).state, 'done')
  const began = performance.now()
  await until(async () => (await mayHold(mel)) === false, 5000)
  assert.ok(performance.now() - began < 1500, `${performance.now() - began} ms`)
  assert.equal(await mayHold(owner), true)
  assert.equal(melsSocket.socket.readyState, melsSocket.socket.OPEN, 'reading is as it was')

  assert.equal((await change({ base: 0, text: 'read: [owner]' }, 'clouds')).state, 'done')
  await until(() => melsSocket.messages.some((text) => isGone(text, 'clouds')), 5000)
  assert.equal(
    ownersSocket.messages.some((text) => isGone(text, 'clouds')),
    false,
  )
  assert.equal(ownersSocket.socket.readyState, ownersSocket.socket.OPEN)
  assert.equal(melsWall.socket.readyState, melsWall.socket.OPEN)
  assert.equal(await mayHold(mel), undefined, 'it is not listed any more')
  for (const { socket } of [ownersSocket, melsSocket, melsWall]) socket.terminate()
})

test('it outlives a daemon that is killed, and somebody else’s change is not undone', async () => {
  const pidFile = join(site.layout.logs, 'daemon.pid')
  const pid = Number(readFileSync(pidFile, 'utf8'))
  process.kill(pid, 'SIGKILL')
  await until(() => Number(readFileSync(pidFile, { encoding: 'utf8', flag: 'a+' }) || pid) !== pid, 20_000)
  const stale = await change({ base: 0, text: 'execute: [everyone]' })
  assert.deepEqual([stale.state, stale.code], ['refused', 'permissions.changed'])
  assert.match(stale.reason ?? '', /^Version 1 is in force, by jacintar\.$/)
  assert.equal((await inForce()).text, 'execute: [owner]')
  assert.equal(await mayHold(mel), undefined)
})

test('from a shell: what is in force, what would change, another text, and back again', async () => {
  const id = `~${account}/clouds`
  const shown = await seneschal('permissions', 'show', id)
  assert.equal(shown.out, 'read: [owner]\n', shown.err)
  assert.match(shown.err, /^Version 1, .*, from a request, by jacintar\.$/m)

  const file = join(home, 'clouds.yaml')
  writeFileSync(file, 'read: [owner, "user:mel"]\nexcute: []\n')
  const wrong = await seneschal('permissions', 'preview', id, file)
  assert.match(wrong.err, /permissions:2:1: unknown key excute/)
  writeFileSync(file, 'read: [owner, "user:mel"]\n')
  const preview = await seneschal('permissions', 'preview', id, file)
  assert.match(preview.out, /^user:mel {2}gains view, logs, source, search {2}in atmosphere_stage\/clouds$/m)

  const unasked = await seneschal('permissions', 'set', id, file)
  assert.equal(unasked.code, 64)
  assert.match(unasked.err, /say --yes/)
  const set = await seneschal('permissions', 'set', id, file, '--yes', '--reason', 'mel is on call')
  assert.equal(set.code, 0, set.err)
  assert.match(set.out, /done {2}Version 2: read: owner → owner, user:mel\./)
  await until(async () => (await mayHold(mel)) === false, 5000)

  const back = await seneschal('permissions', 'restore', id, '1', '--yes')
  assert.equal(back.code, 0, back.err)
  const history = await seneschal('permissions', 'history', id)
  assert.deepEqual(
    history.out.split('\n').map((line) => line.replace(/ {2}\S+ {2}/, '  ')),
    [
      '3  a request, by jacintar, brings back version 1',
      '2  a request, by jacintar',
      '1  a request, by jacintar',
      '',
    ],
  )
  await until(async () => (await mayHold(mel)) === undefined, 5000)
  assert.equal((await inForce('clouds')).versions.length, 3)
})
