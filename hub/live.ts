/** Open sockets, so that what happens to a session happens to its sockets. */
import type { LiveSocket, LiveSockets } from './context.ts'

export const createLiveSockets = (): LiveSockets => {
  const open = new Set<LiveSocket>()
  return {
    add: (socket) => {
      open.add(socket)
      return () => open.delete(socket)
    },
    close: (which, code) => {
      const chosen = [...open].filter(which)
      for (const socket of chosen) {
        open.delete(socket)
        socket.close(code)
      }
      return chosen.length
    },
    count: () => open.size,
    viewers: () => {
      const persons = new Map<string, Set<string>>()
      for (const { account, person } of open)
        if (account !== undefined) persons.set(account, (persons.get(account) ?? new Set()).add(person))
      return new Map([...persons].map(([account, those]) => [account, [...those].toSorted()]))
    },
  }
}
