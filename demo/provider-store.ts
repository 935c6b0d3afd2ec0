/** What the demonstration provider remembers, in memory: gone with the process, apart for each provider. */
import type { AdapterFactory, AdapterPayload } from 'oidc-provider'

type Entry = { readonly payload: AdapterPayload; readonly until: number }

/** `now` in ms. Entries that ran out are dropped when somebody looks, and all of them now and then. */
export const memoryStore = (now: () => number): AdapterFactory => {
  const rooms = new Map<string, Map<string, Entry>>()
  let writes = 0
  const sweep = () => {
    for (const room of rooms.values())
      for (const [id, entry] of room) if (entry.until <= now()) room.delete(id)
  }
  return (model) => {
    const room = rooms.get(model) ?? new Map<string, Entry>()
    rooms.set(model, room)
    const alive = (entry: Entry | undefined) =>
      entry !== undefined && entry.until > now() ? entry.payload : undefined
    const findBy = (key: 'uid' | 'userCode', value: string) =>
      alive(room.values().find(({ payload }) => payload[key] === value))
    return {
      upsert: async (id, payload, expiresIn) => {
        room.set(id, { payload, until: expiresIn === undefined ? Infinity : now() + expiresIn * 1000 })
        writes += 1
        if (writes % 1000 === 0) sweep()
      },
      find: async (id) => alive(room.get(id)),
      findByUid: async (uid) => findBy('uid', uid),
      findByUserCode: async (code) => findBy('userCode', code),
      consume: async (id) => {
        const payload = alive(room.get(id))
        if (payload !== undefined) payload.consumed = Math.floor(now() / 1000)
      },
      destroy: async (id) => {
        room.delete(id)
      },
      revokeByGrantId: async (grantId) => {
        for (const other of rooms.values())
          for (const [id, { payload }] of other) if (payload.grantId === grantId) other.delete(id)
      },
    }
  }
}
