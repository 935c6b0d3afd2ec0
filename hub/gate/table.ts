/** The gate: rows are checks, columns are kinds of request. What no row refuses passes; a hole is visible here. */
import { ACTION, ADMIN, CHANGE, PAGE, PUBLIC, STREAM, WALL } from '../context.ts'
import { administrator } from './checks/administrator.ts'
import { admitted } from './checks/admitted.ts'
import { contentType } from './checks/content-type.ts'
import { csrf } from './checks/csrf.ts'
import { elevated } from './checks/elevated.ts'
import { fresh } from './checks/fresh.ts'
import { kiosk } from './checks/kiosk.ts'
import { origin } from './checks/origin.ts'
import { permitted } from './checks/permitted.ts'
import { session } from './checks/session.ts'
import { token } from './checks/token.ts'
import type { Check } from './visit.ts'

type Rows = readonly (readonly [name: string, check: Check, kinds: number])[]

/** As soon as the head of the request is here: nobody's body is read before it is known whose it is. */
export const atTheDoor: Rows = [
  ['token', token, PUBLIC | PAGE | STREAM | WALL | ACTION | CHANGE | ADMIN],
  ['session', session, PAGE | STREAM | WALL | ACTION | CHANGE | ADMIN],
  ['kiosk', kiosk, PAGE | STREAM | ACTION | CHANGE | ADMIN],
  ['origin', origin, PUBLIC | PAGE | STREAM | WALL | ACTION | CHANGE | ADMIN],
  ['csrf', csrf, ACTION | CHANGE | ADMIN],
  ['contentType', contentType, ACTION | CHANGE | ADMIN],
  ['admitted', admitted, PAGE | STREAM | WALL | ACTION | ADMIN],
]

/** With the body, which says what is wanted. */
export const withTheBody: Rows = [
  ['administrator', administrator, ADMIN],
  ['permitted', permitted, PAGE | STREAM | WALL | ACTION | CHANGE | ADMIN],
  ['elevated', elevated, ACTION | ADMIN],
  ['fresh', fresh, ACTION],
]

/** Kinds whose refusals are recorded; what was allowed is recorded by the route, before the act. */
export const recorded = ACTION | ADMIN
