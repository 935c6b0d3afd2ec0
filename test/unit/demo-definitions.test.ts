import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadSite, parseAccountFile } from '../../config/site.ts'
import { parseYaml } from '../../config/yaml.ts'
import { siteSource } from '../../demo/definitions.ts'
import { people } from '../../demo/people.ts'
import { compile } from '../../engine/compile.ts'

const definitions = join(siteSource, 'definitions')

test('the demonstration’s workflows compile without a warning, and clouds has some 40 tasks in families', () => {
  const files = globSync('*/*/workflow.yaml', { cwd: definitions }).sort()
  assert.deepEqual(
    files.map((file) => file.split('/').slice(0, 2).join('/')),
    ['atmosphere_stage/clouds', 'atmosphere_stage/winds', 'oceans_stage/currents', 'oceans_stage/waves'],
  )
  for (const file of files) {
    const result = compile(parseYaml(readFileSync(join(definitions, file), 'utf8'), file).value)
    assert.ok(result.ok, JSON.stringify(result))
    assert.deepEqual(result.warnings, [], file)
    if (file.includes('clouds')) {
      assert.ok(result.workflow.tasks.size >= 36 && result.workflow.families.size >= 6)
      assert.ok((result.workflow.tasks.get('quality_control')?.retries.count ?? 0) > 0, 'one task retries')
      assert.notEqual(result.workflow.tasks.get('archive')?.expectedRunMs, undefined, 'one task can be late')
    }
  }
})

test('the demonstration’s people may do what their sign-in page says', () => {
  const site = loadSite(join(siteSource, 'site.yaml'))
  assert.deepEqual(site.site.rules.execute, ['everyone', '!user:mel'])
  assert.equal(site.site.rules.write, undefined)
  assert.deepEqual(
    people.map(({ name }) => name),
    ['jacintar', 'mel', 'admin'],
  )
  for (const account of Object.keys(site.accounts))
    assert.equal(
      parseAccountFile(readFileSync(join(definitions, account, 'account.yaml'), 'utf8'), account).layer,
      undefined,
    )
})
