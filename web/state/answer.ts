/** What a page asks the hub for once, and again after it changed something. */
import { type ReadonlySignal, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { z } from 'zod/mini'
import { type ApiError, asApiError } from './api.ts'
import { api } from './session.ts'

export type Asked<T> = {
  readonly body: ReadonlySignal<T | undefined>
  readonly failed: ReadonlySignal<ApiError | undefined>
  readonly load: () => Promise<void>
  /** Changes something, then asks again; what went wrong stands in `failed`. */
  readonly change: (method: 'POST' | 'DELETE', path: string, body?: unknown) => Promise<boolean>
}

/**
 * Asks at once, and again whenever one of `on` is another, and every so many ms while the page can be seen. What was
 * answered stays while it is asked again.
 */
export const useAnswer = <T>(
  path: string,
  schema: z.ZodMiniType<T>,
  on: readonly (string | boolean | undefined)[] = [],
  every?: number,
): Asked<T> => {
  const body = useSignal<T | undefined>(undefined)
  const failed = useSignal<ApiError | undefined>(undefined)
  const latest = useSignal(0)
  const load = async () => {
    latest.value += 1
    const mine = latest.peek()
    try {
      const found = await api.get(path, schema)
      if (mine !== latest.peek()) return
      body.value = found
      failed.value = undefined
    } catch (thrown) {
      if (mine === latest.peek()) failed.value = asApiError(thrown)
    }
  }
  const change: Asked<T>['change'] = async (method, at, sent) => {
    try {
      await api.change(method, at, sent)
    } catch (thrown) {
      failed.value = asApiError(thrown)
      return false
    }
    await load()
    return true
  }
  useEffect(() => {
    void load()
    if (every === undefined) return
    const again = () => {
      // What was refused is not asked for over and over: raised privileges are one of `on`.
      if (!document.hidden && failed.peek()?.status !== 403) void load()
    }
    const timer = setInterval(again, every)
    document.addEventListener('visibilitychange', again)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', again)
    }
  }, [path, every, ...on])
  return { body, failed, load, change }
}
