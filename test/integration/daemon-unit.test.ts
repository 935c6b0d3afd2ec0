/** The unit that `daemon install-unit` writes, as systemd itself reads it. */
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'

const main = join(dirname(dirname(import.meta.dirname)), 'cli/main.ts')
const dir = mkdtempSync(join(tmpdir(), 'seneschal-unit-'))
after(() => rmSync(dir, { recursive: true }))
const skip = existsSync('/usr/bin/systemd-analyze') ? false : 'there is no systemd-analyze'

type Ran = { readonly code: number; readonly out: string; readonly err: string }
const run = (program: string, ...args: readonly string[]): Promise<Ran> =>
  new Promise((resolve) => {
    execFile(program, args, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), out, err }),
    )
  })
const seneschal = (...args: readonly string[]) => run(process.execPath, main, ...args)

const configured = (name: string, more: object): string => {
  const file = join(dir, `${name}.yaml`)
  const at = (path: string) => join(dir, path)
  writeFileSync(
    file,
    JSON.stringify({
      ...{ site: 'test', root: at('a site'), definitions: at('definitions'), siteFile: at('site.yaml') },
      ...{ hubKeys: at('jwks.json'), issuer: 'https://hub.test', accounts: {} },
      ...more,
    }),
  )
  return file
}
const kinds = {
  plain: [{}, 2.5],
  plugins: [{ plugins: { directories: [], active: [{ name: 'echo', version: '1.0.0' }] } }, 4.5],
} as const

for (const [kind, [more, most]] of Object.entries(kinds))
  test(`systemd takes the unit of a daemon (${kind}) without a warning, and finds it well confined`, {
    skip,
  }, async () => {
    const config = configured(kind, more)
    const unit = join(dir, `seneschald-${kind}.service`)
    const made = await seneschal('daemon', 'install-unit', '-c', config, '--user', 'daemon', '-o', unit)
    assert.equal(made.code, 0, made.err)
    const verified = await run('systemd-analyze', 'verify', '--man=no', unit)
    const ours = verified.err.split('\n').filter((line) => line.includes(`seneschald-${kind}`))
    assert.deepEqual([verified.code, ours], [0, []], verified.err)
    const { out } = await run('systemd-analyze', 'security', '--offline=true', '--no-pager', unit)
    const [, exposure = ''] = /exposure level for \S+: ([0-9.]+)/.exec(out) ?? []
    assert.ok(exposure !== '' && Number(exposure) <= most, `exposure ${exposure}: ${out}`)
  })

test('a unit that differs is replaced only by force; the same again changes nothing', async () => {
  const config = configured('again', {})
  const unit = join(dir, 'again.service')
  const install = (...more: readonly string[]) =>
    seneschal('daemon', 'install-unit', '-c', config, '-o', unit, ...more)
  assert.match(
    (await install()).out,
    /^wrote .*\nnow: systemctl daemon-reload && systemctl enable --now seneschald\.service/,
  )
  assert.match((await install()).out, /is as it should be/)
  writeFileSync(unit, '# mine\n')
  const refused = await install()
  assert.deepEqual([refused.code, readFileSync(unit, 'utf8')], [78, '# mine\n'])
  assert.match(refused.err, /--force replaces it/)
  assert.equal((await install('--force')).code, 0)
  assert.match(readFileSync(unit, 'utf8'), /^KillMode=mixed$/m)
  assert.match(readFileSync(unit, 'utf8'), /^Environment=MALLOC_ARENA_MAX=1 MALLOC_/m)
  assert.equal((await seneschal('daemon', 'install-unit', '-c', config, '--user', 'root')).code, 64)
})

test('names with blanks and signs of systemd stay one word', async () => {
  const config = configured('odd 100% $HOME', {})
  const { out } = await seneschal('daemon', 'install-unit', '-c', config, '-o', '-')
  assert.match(out, /--config "[^"]*odd 100%% \$\$HOME\.yaml"$/m)
  assert.match(out, /^ReadWritePaths="[^"]*a site"$/m)
  if (skip === false) {
    const unit = join(dir, 'odd.service')
    writeFileSync(unit, out)
    execFileSync('systemd-analyze', ['verify', '--man=no', unit], { stdio: 'ignore' })
  }
})
