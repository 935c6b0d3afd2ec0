import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeneschalError } from '../../protocol/errors.ts'
import { parseStep } from '../../protocol/steps.ts'

const to = { side: 'site', root: 'data', path: 'out/file' }
const copyTo = (place: object) => ({ kind: 'copy', from: to, to: place, overwrite: false })
const job = (more: object) => ({ kind: 'job', argv: ['/bin/true'], ...more })
const nest = (depth: number): object =>
  depth === 0 ? { kind: 'sequence', steps: [] } : { kind: 'parallel', steps: [nest(depth - 1)] }

const lies: Readonly<Record<string, unknown>> = {
  'a path upwards': copyTo({ ...to, path: '../etc/passwd' }),
  'a path upwards on its way': copyTo({ ...to, path: 'a/../../etc' }),
  'an absolute path': copyTo({ ...to, path: '/etc/passwd' }),
  'a path with a dot': copyTo({ ...to, path: './a' }),
  'an empty part': copyTo({ ...to, path: 'a//b' }),
  'a trailing slash': copyTo({ ...to, path: 'a/' }),
  'no path': copyTo({ ...to, path: '' }),
  'a NUL': copyTo({ ...to, path: 'a\0b' }),
  'a root that is a path': copyTo({ ...to, root: '../x' }),
  'a third side': copyTo({ ...to, side: 'daemon' }),
  'a program found by PATH': job({ argv: ['true'] }),
  'no program': job({ argv: [] }),
  'a NUL in a word': job({ argv: ['/bin/true', 'a\0b'] }),
  'a script beside words': job({ script: 'id' }),
  'a variable that is none': job({ environment: { 'A=B\nC': 'x' } }),
  'a variable with NUL': job({ environment: { A: '\0' } }),
  'another account': job({ account: 'oceans_stage' }),
  'a runner with a path': job({ runner: '../background' }),
  'a refusal within': { kind: 'sequence', steps: [{ kind: 'reject', reason: 'no' }] },
  'more levels than there may be': nest(4),
  'a hundred and one leaves': {
    kind: 'parallel',
    steps: [1, 2].map(() => ({ kind: 'sequence', steps: Array(51).fill(job({})) })),
  },
  'too much of it': { kind: 'sequence', steps: Array(30).fill({ kind: 'job', script: 'x'.repeat(9000) }) },
  'a list': [job({})],
  nothing: null,
}

for (const [what, lie] of Object.entries(lies))
  test(`a plan with ${what} is refused whole`, () => {
    assert.throws(
      () => parseStep(JSON.parse(JSON.stringify(lie))),
      (error) => error instanceof SeneschalError && error.code === 'plugin.failed',
    )
  })

test('what stays within is taken', () => {
  for (const plan of [copyTo(to), job({}), nest(3), { kind: 'reject', reason: 'no' }])
    assert.deepEqual(parseStep(JSON.parse(JSON.stringify(plan))), plan)
})
