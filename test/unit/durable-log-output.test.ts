import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const module = join(import.meta.dirname, '../../durable/log-output.ts')
/** A line each 10 ms, until its stdin ends; then it ends by itself. */
const program = `
  import { openLogOutput } from ${JSON.stringify(module)}
  const out = openLogOutput({ fd: 1, lost: (count) => count + ' lost\\n' })
  let count = 0
  const timer = setInterval(() => out.write('line ' + ++count + '\\n'), 10)
  process.stdin.on('end', () => { clearInterval(timer); out.write('the end\\n') }).resume()
`

test('a log on a full disk loses lines and ends nobody; once there is room it says how many', async (t) => {
  const file = join(await temporaryDirectory(t), 'log')
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
    stdio: ['pipe', openSync(file, 'a'), 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  const exit = once(child, 'exit')
  const size = () => readFileSync(file).length
  const limit = (bytes: string) =>
    assert.equal(spawnSync('prlimit', ['--pid', String(child.pid), `--fsize=${bytes}:`]).status, 0)
  await until(() => size() > 0)
  limit('64')
  await until(() => size() === 64)
  await new Promise((resolve) => setTimeout(resolve, 100))
  limit('unlimited')
  await until(() => readFileSync(file, 'utf8').includes('lost'))
  child.stdin?.end()
  assert.deepEqual(await exit, [0, null])
  const text = readFileSync(file, 'utf8')
  assert.ok(Number(/^(\d+) lost$/m.exec(text)?.[1]) > 5, text)
  assert.match(text, /the end\n$/)
})
