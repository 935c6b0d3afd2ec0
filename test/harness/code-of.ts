import assert from 'node:assert/strict'
import { errorBody } from '../../protocol/api.ts'
import type { Answer } from './http.ts'

/** The code of an error answer, which must have the one shape that all have. */
export const codeOf = (answer: Answer): string => {
  const parsed = errorBody.safeParse(answer.body)
  assert.ok(parsed.success, `not an error: ${answer.status} ${answer.text.slice(0, 200)}`)
  return parsed.data.error.code
}
