/**
 * The site's story, as it is told to people, as tables: what files say, and what then the decision, the daemon and the hub
 * answer. Everybody reads and executes; one account lets a role read and nobody but its owners execute; one workflow only
 * its owner reads.
 */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { decide } from '../../policy/decide.ts'
import type { Who } from '../../policy/types.ts'
import {
  classOf,
  covers,
  type ElevationClass,
  type PermissionAction,
  type PermissionSnapshot,
  permissionActions,
} from '../../protocol/permissions.ts'
import { startTestHub } from '../harness/hub.ts'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { summaryRow } from '../harness/site-feed.ts'

const flow = (permissions = '') => `graph: t\ntasks: { t: { script: "true" } }\n${permissions}`

/** `atmosphere_stage` says nothing; `oceans_stage` is for its role and its owners; `secret` is its owner's alone. */
const siteFile = `
permissions: { read: [everyone], execute: [everyone] }
roles: { admin: ["group:oidc/site-admins"], auditor: ["user:auditor"] }
accounts:
  atmosphere_stage: { owners: ["user:owner"] }
  oceans_stage: { owners: ["user:mel"] }
`
const oceans = 'permissions: { read: ["group:oidc/forecasters"], execute: [owner] }\n'
const workflows = {
  'atmosphere_stage/clouds': flow(),
  'atmosphere_stage/secret': flow('permissions: { read: [owner] }\n'),
  'oceans_stage/waves': flow(),
}

const person = (name: string, groups: readonly string[] = []): Who => ({ kind: 'person', name, groups })
const people: Readonly<Record<string, Who>> = {
  owner: person('owner'),
  mel: person('mel'),
  jacintar: person('jacintar', ['oidc/forecasters', 'oidc/staff']),
  stranger: person('stranger'),
  admin: person('admin', ['oidc/site-admins']),
  auditor: person('auditor'),
  'another account': { kind: 'account', account: 'oceans_stage' },
}

/** Letters: r read, x execute (and notes, which follow it), w write, o own; `-` nothing at all. */
const story: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'atmosphere_stage/clouds': {
    owner: 'rxwo',
    mel: 'rx',
    jacintar: 'rx',
    stranger: 'rx',
    admin: 'rxo',
    auditor: 'rx',
    'another account': '-',
  },
  'atmosphere_stage/secret': {
    owner: 'rxwo',
    mel: '-',
    jacintar: '-',
    stranger: '-',
    admin: '-',
    auditor: '-',
    'another account': '-',
  },
  'oceans_stage/waves': {
    owner: '-',
    mel: 'rxwo',
    jacintar: 'r',
    stranger: '-',
    admin: '-',
    auditor: '-',
    // Where owners are named, it has to be one of them, also from its own shell.
    'another account': '-',
  },
}

const letters = { read: 'r', execute: 'x', note: 'x', write: 'w', own: 'o' } as const
const isTold = (told: string, action: PermissionAction): boolean => told.includes(letters[classOf(action)])

const startSite = (t: TestContext) =>
  startDaemon(t, {
    workflows,
    siteFile,
    autoplay: false,
    before: ({ dir }) => writeFile(join(dir, 'definitions/oceans_stage/account.yaml'), oceans),
  })

const cells = Object.entries(story).flatMap(([place, row]) => {
  const [account = '', workflow = ''] = place.split('/')
  return Object.entries(row).map(([name, told]) => ({ account, workflow, name, told }))
})

test('the decision, for everybody and every action', async (t) => {
  const site = await startSite(t)
  const text = await readFile(join(site.layout.siteFeed, 'permissions.json'), 'utf8')
  const snapshot = JSON.parse(text) as PermissionSnapshot
  for (const { account, workflow, name, told } of cells)
    for (const action of permissionActions) {
      const who = people[name]
      assert.ok(who !== undefined)
      const decision = decide(snapshot, { who, action, account, workflow })
      assert.equal(
        decision.allowed,
        isTold(told, action),
        `${name} ${action} ${account}/${workflow}: ${decision.reason}`,
      )
    }
})

test('the daemon, for persons raised to nothing, execute and write', async (t) => {
  const site = await startSite(t)
  for (const { account, workflow, name, told } of cells) {
    const who = people[name]
    if (who?.kind !== 'person') continue
    for (const raised of [null, 'execute', 'write'] as const)
      for (const action of ['hold', 'edit', 'permissions'] as const) {
        const { code } = await site.ask(
          {
            ...{ action, account, workflow },
            args: { hold: {}, edit: { environment: { A: 'b' } }, permissions: { base: 99, text: '' } }[
              action
            ],
          },
          {
            ...{ sub: who.name, groups: [...who.groups] },
            elevation: raised === null ? null : { class: raised, until: Date.now() + 60_000 },
          },
        )
        const where = `${name} ${action} ${account}/${workflow}, raised to ${raised}: ${code}`
        if (told === '-') assert.equal(code, 'workflow.unknown', where)
        else if (!isTold(told, action)) assert.equal(code, 'permission.denied', where)
        else if (!covers(raised ?? undefined, classOf(action)))
          assert.equal(code, 'elevation.required', where)
        // Held already, or another version: what it is about, and not who asks.
        else assert.ok([null, 'state.conflict', 'permissions.changed'].includes(code), where)
      }
  }
})

test('the hub, for those who sign in, raised to nothing, execute and write', async (t) => {
  const site = await startSite(t)
  const text = await readFile(join(site.layout.siteFeed, 'permissions.json'), 'utf8')
  const hub = await startTestHub(t, { permissions: { ...JSON.parse(text), at: Date.now() } })
  await hub.feed.put('summary', 'oceans_stage/waves', summaryRow('oceans_stage', 'waves'))
  const actions = { hold: {}, edit: { environment: { A: 'b' } }, permissions: { base: 0, text: '' } } as const
  for (const name of ['mel', 'jacintar', 'admin'])
    for (const raised of [undefined, 'execute', 'write'] as const) {
      const browser = await hub.signIn(name)
      if (raised !== undefined) await hub.raise(browser, raised satisfies ElevationClass)
      for (const cell of cells.filter((one) => one.name === name))
        for (const [action, args] of Object.entries(actions)) {
          const { account, workflow, told } = cell
          const body = { workflow, args }
          const path = `/api/accounts/${account}/actions/${action}`
          const { status, text: answer } = await browser.change('POST', path, body)
          const where = `${name} ${action} ${account}/${workflow}, raised to ${raised}: ${answer}`
          const named = action as keyof typeof actions
          if (told === '-') assert.equal(status, 404, where)
          else if (!isTold(told, named)) assert.match(answer, /"permission\.denied"/, where)
          else if (!covers(raised, classOf(named))) assert.match(answer, /"elevation\.required"/, where)
          else assert.equal(status, 202, where)
        }
    }
})
