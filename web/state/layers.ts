/** Permissions of an account or a workflow: read, tried out and changed; what is being written stays in this tab. */
import { z } from 'zod/mini'
import { actionAnswer, requestBody } from '../../protocol/api.ts'
import {
  type LayerBody,
  type LayerPreview,
  layerBody,
  layerPreview,
  layerText,
} from '../../protocol/layers.ts'
import { api, viewer } from './session.ts'
import { parseStored } from './stored.ts'

export type LayerPlace = { readonly account: string; readonly workflow: string | null }
/** A text, or an earlier version. */
export type LayerAsked = { readonly text: string } | { readonly restore: number }

const pathOf = ({ account }: LayerPlace): string => `/api/accounts/${encodeURIComponent(account)}`
const named = ({ workflow }: LayerPlace) => (workflow === null ? {} : { workflow })

export const readLayer = (place: LayerPlace): Promise<LayerBody> => {
  const query = new URLSearchParams(named(place)).toString()
  return api.get(`${pathOf(place)}/permissions${query === '' ? '' : `?${query}`}`, layerBody)
}

export const previewLayer = (place: LayerPlace, asked: LayerAsked): Promise<LayerPreview> =>
  api.post(`${pathOf(place)}/permissions/preview`, { ...named(place), ...asked }, layerPreview)

const askEvery = 300
const asksFor = 60_000

/** Resolves with how it ended; as waiting where that takes longer than a minute. */
export const changeLayer = async (
  place: LayerPlace,
  base: number,
  asked: LayerAsked,
): Promise<z.infer<typeof requestBody>> => {
  const path = `${pathOf(place)}/actions/permissions`
  const { request } = await api.post(path, { ...named(place), args: { base, ...asked } }, actionAnswer)
  const until = performance.now() + asksFor
  for (;;) {
    const body = await api.get(`/api/requests/${encodeURIComponent(request)}`, requestBody)
    if (body.state !== 'waiting' || performance.now() > until) return body
    await new Promise((resolve) => setTimeout(resolve, askEvery))
  }
}

const prefix = 'seneschal.layer '
const keyOf = ({ account, workflow }: LayerPlace): string => `${prefix}${account}/${workflow ?? ''}`
const draft = z.strictObject({ person: z.string(), text: layerText })

/** What somebody writes outlasts the way to the identity provider, a reload, and the end of privileges. */
export const keepDraft = (place: LayerPlace, text: string | undefined): void => {
  if (text === undefined) sessionStorage.removeItem(keyOf(place))
  else sessionStorage.setItem(keyOf(place), JSON.stringify({ person: viewer.peek()?.person ?? '', text }))
}

export const readDraft = (place: LayerPlace): string | undefined => {
  const parsed = draft.safeParse(parseStored(sessionStorage.getItem(keyOf(place)) ?? ''))
  return parsed.success && parsed.data.person === viewer.peek()?.person ? parsed.data.text : undefined
}

/** For whoever signs out: what they wrote is nobody else's. */
export const forgetDrafts = (): void => {
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(prefix)) sessionStorage.removeItem(key)
}
