/**
 * A kiosk: this browser profile holds a private key that cannot leave it and signs a nonce of the hub whenever
 * it connects. Nobody signs in, and nothing but the wall is shown.
 */
import { z } from 'zod/mini'
import { asApiError } from './api.ts'
import { api, loadSession, session } from './session.ts'

type Stored = { readonly kiosk: string; readonly keys: CryptoKeyPair }

const algorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const
const store = 'kiosk'

const settle = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error ?? new Error('the browser store failed'))
  })

const database = async (): Promise<IDBDatabase> => {
  const request = indexedDB.open('seneschal', 1)
  request.onupgradeneeded = () => request.result.createObjectStore(store)
  return settle(request)
}

const isStored = (value: unknown): value is Stored =>
  typeof value === 'object' && value !== null && 'kiosk' in value && 'keys' in value

const load = async (): Promise<Stored | undefined> => {
  const opened = await database()
  try {
    const value: unknown = await settle(opened.transaction(store).objectStore(store).get('identity'))
    return isStored(value) ? value : undefined
  } finally {
    opened.close()
  }
}

const save = async (value: Stored): Promise<void> => {
  const opened = await database()
  try {
    await settle(opened.transaction(store, 'readwrite').objectStore(store).put(value, 'identity'))
  } finally {
    opened.close()
  }
}

export const isKiosk = async (): Promise<boolean> => (await load()) !== undefined

const base64url = (bytes: ArrayBuffer): string =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')

const enrolAnswer = z.object({ kiosk: z.string() })
const nonceAnswer = z.object({ nonce: z.string() })

/** Binds this browser to the kiosk of the code, once. The code is taken out of the address before it is used. */
export const enrol = async (code: string): Promise<void> => {
  history.replaceState(null, '', location.pathname)
  const keys = await crypto.subtle.generateKey(algorithm, false, ['sign', 'verify'])
  const { x, y } = await crypto.subtle.exportKey('jwk', keys.publicKey)
  const key = { kty: 'EC', crv: 'P-256', x, y }
  const { kiosk } = await api.post('/api/kiosk/enrol', { code, key }, enrolAnswer)
  await save({ kiosk, keys })
}

/** Signs in as the kiosk that this browser is. */
export const signInAsKiosk = async (): Promise<void> => {
  const stored = await load()
  if (stored === undefined) return
  const { kiosk, keys } = stored
  const { nonce } = await api.get(`/api/kiosk/nonce?kiosk=${encodeURIComponent(kiosk)}`, nonceAnswer)
  const signature = await crypto.subtle.sign(
    { name: 'ECDSA', hash: 'SHA-256' },
    keys.privateKey,
    new TextEncoder().encode(nonce),
  )
  await api.change('POST', '/api/kiosk/session', { kiosk, nonce, signature: base64url(signature) })
  await loadSession()
}

const isRefused = async (): Promise<boolean> => {
  try {
    await signInAsKiosk()
    return false
  } catch (thrown) {
    // A hub that does not answer is tried for ever.
    return asApiError(thrown).code === 'kiosk.refused'
  }
}

/**
 * Before each connection of the wall: signed in again, whatever became of the session meanwhile. The hub says the same
 * of a revoked kiosk and of a nonce that grew old, as on a screen that was suspended in between: only a kiosk that is
 * refused with a fresh one too is revoked.
 */
export const kioskConnect = async (tries: number): Promise<'go' | 'forbidden'> => {
  if (tries === 0 && session.peek().phase === 'in') return 'go'
  return (await isRefused()) && (await isRefused()) ? 'forbidden' : 'go'
}
