/** Lines of JSON into a pipe that may be full: whoever sends waits, and what is replaced meanwhile is not sent. */
import type { Writable } from 'node:stream'
import type { FeedFile, FeedMessage } from '../../protocol/feed-stream.ts'

export type FeedOutlet = {
  /** Resolves when there is room for the next, or when nobody reads any more. */
  readonly send: (message: FeedMessage) => Promise<void>
  /** The file as it is now. While the pipe is full, only its last state waits. */
  readonly sendFile: (name: FeedFile, value: unknown) => void
  /** Whether anything was sent since this was asked last, or still waits to be. */
  readonly spoke: () => boolean
}

export const createFeedOutlet = (parts: {
  readonly stdout: Writable
  /** Aborted when nobody reads any more. */
  readonly left: AbortSignal
  /** Whoever takes nothing for so long will not, ms: then this is called. */
  readonly patience: number
  readonly giveUp: () => void
}): FeedOutlet => {
  const { stdout, left } = parts
  const files = new Map<FeedFile, unknown>()
  let isSendingFiles = false
  let didSpeak = false
  let waiting = 0

  const room = (): Promise<void> =>
    new Promise((resolve) => {
      const settle = (): void => {
        clearTimeout(stuck)
        stdout.off('drain', settle).off('close', settle)
        left.removeEventListener('abort', settle)
        waiting -= 1
        resolve()
      }
      waiting += 1
      const stuck = setTimeout(parts.giveUp, parts.patience)
      stdout.once('drain', settle).once('close', settle)
      left.addEventListener('abort', settle, { once: true })
    })

  const send = async (message: FeedMessage): Promise<void> => {
    if (left.aborted || stdout.destroyed) return
    didSpeak = true
    if (!stdout.write(`${JSON.stringify(message)}\n`)) await room()
  }

  const sendFiles = async (): Promise<void> => {
    isSendingFiles = true
    for (const [name, value] of files) {
      // One that is set again meanwhile comes again, at the end of the map.
      files.delete(name)
      await send({ type: 'file', name, value })
    }
    isSendingFiles = false
  }

  return {
    send,
    sendFile: (name, value) => {
      files.set(name, value)
      if (!isSendingFiles) void sendFiles()
    },
    spoke: () => {
      const answer = didSpeak || waiting > 0
      didSpeak = false
      return answer
    },
  }
}
