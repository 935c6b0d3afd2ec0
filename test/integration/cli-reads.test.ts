/** A person, and a script with their token, at a shell: what runs, what it wrote, who one is. A whole demonstration site. */
import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { SummaryRow } from '../../protocol/rows.ts'
import { confirmWith, createCommandLine } from '../harness/command-line.ts'
import { startSite } from '../harness/site.ts'
import { until } from '../harness/until.ts'
import { createVisitor } from '../harness/visitor.ts'

const definitions = {
  'atmosphere_stage/talks/workflow.yaml': `
graph: talk
tasks:
  talk:
    script: |
      printf 'first line\\n\\033[31mred\\033[0m \\033]0;title\\007\\n'
      while ! test -e "$HOME/enough"; do sleep 0.2; done
      echo last line
`,
}

test('somebody, and their script, read at a shell what the pages show, within what they may', async (t) => {
  const site = await startSite({ ssh: false, elevation: 'PT10M', definitions })
  t.after(() => site.stop())
  const { home, start, seneschal } = createCommandLine(t)
  const port = Number(new URL(site.url).port)
  const visitor = () => createVisitor({ origin: site.url, port })
  const signedIn = await confirmWith(visitor(), start(['login', site.url]), 'jacintar')
  assert.equal(signedIn.code, 0, signedIn.err)
  assert.match(signedIn.out, /^session: since \S+Z, ends \S+Z$/m)

  const talks = 'atmosphere_stage/talks'
  const summary = async (): Promise<SummaryRow> => {
    const { out } = await seneschal('status', talks, '--json')
    return JSON.parse(out) as SummaryRow
  }
  await until(async () => (await summary()).counts.running === 1, 40_000)
  assert.match((await seneschal('status', talks)).out, /^~atmosphere_stage\/talks +running +1 running$/m)
  assert.match((await seneschal('status', '~atmosphere_stage')).out, /^server \w+/m)
  const cycle = (await summary()).cycles?.first ?? ''
  const task = `${talks}//${cycle}/talk`

  // Its server rests: it is started.
  const jobs = await seneschal('status', task)
  assert.match(jobs.out, new RegExp(`^${cycle}/talk/01  running  `), jobs.err)
  const list = await seneschal('logs', task, '--list')
  assert.match(list.out, /^ +\d+ {2}\S+Z {2}job\.out$/m)
  await until(async () => (await seneschal('logs', task)).out.includes('red'), 20_000)
  const bytes = (await seneschal('logs', `${task}/01`)).out
  assert.equal(bytes, 'first line\n\u001b[31mred\u001b[0m \u001b]0;title\u0007\n', 'as they are, into a pipe')
  assert.equal((await seneschal('logs', task, 'job.out', '--tail', '4')).out, bytes.slice(-4))

  // A script: what it may, and no more.
  const made = await seneschal('token', 'create', 'nightly', '--for', 'logs', '--on', `~${talks}`)
  const secret = made.out.trim()
  const narrow = (await seneschal('token', 'create', 'looker', '--for', 'view')).out.trim()
  const file = join(home, 'token')
  writeFileSync(file, `${secret}\n`, { mode: 0o644 })
  assert.match(
    (await seneschal('logs', task, '--token-file', file)).err,
    /Others can read .* \[config\.invalid\]/,
  )
  chmodSync(file, 0o600)
  const bare = createCommandLine(t)
  const script = (token: string, ...args: readonly string[]) =>
    bare.start(args, { SENESCHAL_TOKEN: token, SENESCHAL_HUB: site.url }).ended
  const read = await script(secret, 'logs', task)
  assert.equal(read.out, bytes, read.err)
  assert.match((await script(narrow, 'logs', task)).err, /not for logs there\. \[permission\.denied\]/)
  assert.match((await script(secret, 'status', 'oceans_stage/waves')).err, /\[(account|workflow)\.unknown\]/)
  assert.match(
    (await script(secret, 'whoami')).out,
    /^token: nightly \(\w+\), reads logs of ~atmosphere_stage\/talks, ends /m,
  )
  const who = JSON.parse((await seneschal('whoami', '--json', '--token-file', file)).out) as Record<
    string,
    unknown
  >
  assert.deepEqual(
    [who.person, who.session, (who.token as { name: string }).name],
    ['jacintar', null, 'nightly'],
  )
  const typed = await script('', 'logs', task, '--token', secret)
  assert.deepEqual(
    [typed.code, typed.err.includes(secret)],
    [64, false],
    'none is taken from the command line',
  )
  const other = secret.replace(/.$/, (last) => (last === '0' ? '1' : '0'))
  assert.match((await script(other, 'whoami')).err, /\[token\.invalid\]/)

  // To the end of the job.
  const followed = start(['logs', task, '--follow'])
  await until(() => followed.out().includes('first line'), 20_000)
  writeFileSync(join(site.layout.homes, 'atmosphere_stage', 'enough'), '')
  const whole = await followed.ended
  assert.deepEqual([whole.code, whole.out], [0, `${bytes}last line\n`], whole.err)

  for (const [words, said] of [
    [['logs', talks], /is no job: .*\[usage\]/],
    [['logs', `${task}/07`], /It has no job 7\. \[instance\.unknown\]/],
    [['logs', task, 'shadow'], /\[file\.unknown\]/],
    [['logs', task, '--tail', 'all'], /is not a number of bytes\. \[usage\]/],
    [['status', 'nobody_here'], /\[account\.unknown\]/],
    [['status', 'atmosphere_stage/nothing'], /\[workflow\.unknown\]/],
    [['status', '~~'], /is neither a request's id nor .* \[usage\]/],
    [['hold', talks], /seneschal raise execute \[elevation\.required\]/],
    [['whoami', '--hub', 'http://localhost:9'], /does not answer.* \[lost\.connection\]/],
  ] as const) {
    const ran = await seneschal(...words)
    assert.match(ran.err, said, words.join(' '))
    assert.ok(ran.code !== 0 && ran.out === '', words.join(' '))
  }

  // Signed in once more: the session of before is over, and stands in nobody's list.
  await confirmWith(visitor(), start(['login', site.url]), 'jacintar')
  const browser = visitor()
  const page = await browser.submit(await browser.open('/auth/login'), {
    name: 'jacintar',
    password: 'jacintar',
  })
  assert.equal(page.status, 200)
  const { body } = await browser.ask('GET', '/api/sessions')
  const { sessions } = body as { readonly sessions: readonly { readonly device: string }[] }
  assert.equal(sessions.filter(({ device }) => device === 'command line').length, 1)

  // Ended from the browser: the command line says what to do, at this hub and at each.
  const { csrf } = (await browser.ask('GET', '/api/session')).body as { readonly csrf: string }
  assert.equal((await browser.change('DELETE', '/api/sessions', undefined, csrf)).status, 200)
  const after = await seneschal('whoami')
  assert.match(after.err, /seneschal login http:\/\/localhost:\d+ \[session\.ended\]/)
  const all = await seneschal('whoami', '--all')
  assert.deepEqual([all.code, all.out], [1, ''])
  assert.match(all.err, /^http:\/\/localhost:\d+: .*\[session\.ended\]$/m)
  const left = await seneschal('logout')
  assert.equal(left.code, 0, 'that it is over already is what was wanted')
})
