/**
 * One answer of a UI server on its way to the browser, piece by piece and with back-pressure. Straight from undici's
 * parser to Node's response: streams and signals in between would cost more than all else that the hub does with it.
 */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import { SeneschalError } from '../../protocol/errors.ts'

/** What the browser is told at the head of the answer. Throws where it must not get this answer at all. */
export type Head = (
  status: number,
  headers: IncomingHttpHeaders,
) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>

export type Asked = {
  readonly origin: string
  readonly method: 'GET' | 'HEAD'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

/** Bytes. */
const shortPiece = 4096

/** The browser, as far as an answer concerns it. */
export type Reader = {
  readonly response: ServerResponse
  readonly head: Head
  /** Called once, right before the first byte is written: until then an error can still be told. */
  readonly take: () => void
}

/** An answer was there and broke off before its head was told. Asking again would mean, and record, a second one. */
export class AnswerLost extends Error {
  override readonly name = 'AnswerLost'
}

/**
 * Resolves when the browser has the head of the answer and either all of it or a broken connection. Rejects where it
 * has nothing yet: `lost.connection` when it left, what `head` threw, `AnswerLost` where the answer broke off before
 * its head was told, else as undici says it.
 */
export const passOn = (
  agent: Pick<Dispatcher, 'dispatch'>,
  asked: Asked,
  { response: browser, head, take }: Reader,
): Promise<void> =>
  new Promise((resolve, reject) => {
    let upstream: Dispatcher.DispatchController | undefined
    let begun = false
    /** The head is being thought about. */
    let thinking = false
    let lost = false
    /** The answer ended while its head was still being thought about. */
    let ended = false
    const early: Buffer[] = []

    /** Node joins a short string with the head into one write. Latin-1 is every byte as it is. */
    const write = (chunk: Buffer): boolean =>
      chunk.length <= shortPiece ? browser.write(chunk.toString('latin1'), 'latin1') : browser.write(chunk)
    const left = () => upstream?.abort(new SeneschalError('lost.connection'))
    const fail = (error: unknown) => {
      lost = true
      browser.off('close', left)
      if (thinking && !(error instanceof SeneschalError))
        return reject(new AnswerLost('the answer broke off', { cause: error }))
      if (!begun) return reject(error)
      // Too late to say it otherwise: an answer that stops short is a broken connection.
      browser.destroy()
      resolve()
    }
    const end = () => {
      browser.off('close', left)
      browser.end()
      resolve()
    }
    const begin = (status: number, headers: Readonly<Record<string, string>>) => {
      begun = true
      take()
      browser.writeHead(status, headers)
      for (const chunk of early) write(chunk)
      if (ended) return end()
      browser.on('drain', () => {
        if (!ended) upstream?.resume()
      })
    }

    browser.once('close', left)
    agent.dispatch(asked, {
      onRequestStart: (controller) => {
        upstream = controller
        if (browser.destroyed) left()
      },
      onResponseStart: (controller, status, headers) => {
        if (status < 200) return
        try {
          const told = head(status, headers)
          if (!(told instanceof Promise)) return begin(status, told)
          thinking = true
          controller.pause()
          told
            .then((value) => {
              thinking = false
              if (lost) return
              begin(status, value)
              controller.resume()
            })
            .catch((error: unknown) => controller.abort(error as Error))
        } catch (error) {
          controller.abort(error as Error)
        }
      },
      onResponseData: (controller, chunk) => {
        if (!begun) early.push(chunk)
        else if (!write(chunk)) controller.pause()
      },
      onResponseEnd: () => {
        ended = true
        if (begun) end()
      },
      onResponseError: (_controller, error) => fail(error),
    })
  })
