/**
 * A secret from whoever runs a command: typed without being shown, or the first line of standard input where that is no
 * terminal. Never an argument: those are seen by everybody on the host and kept in histories.
 */
import type { ReadStream, WriteStream } from 'node:tty'
import { SeneschalError } from '../protocol/errors.ts'

type Terminal = {
  readonly input: NodeJS.ReadableStream & Partial<Pick<ReadStream, 'isTTY' | 'setRawMode'>>
  readonly output: Pick<WriteStream, 'write'>
}

const mostBytes = 4096

const typed = (question: string, { input, output }: Terminal): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ''
    output.write(question)
    input.setRawMode?.(true)
    input.setEncoding('utf8')
    const end = (act: () => void) => {
      input.off('data', onData)
      input.setRawMode?.(false)
      input.pause()
      output.write('\n')
      act()
    }
    const onData = (chunk: string | Buffer) => {
      for (const char of String(chunk)) {
        if (char === '\r' || char === '\n') return end(() => resolve(text))
        // Ctrl-C and Ctrl-D: in raw mode they are characters.
        if (char === '\u0003' || char === '\u0004')
          return end(() => reject(new SeneschalError('usage', 'Nothing was typed.')))
        text = char === '\u007f' || char === '\b' ? text.slice(0, -1) : text + char
      }
    }
    input.on('data', onData)
    input.resume()
  })

const firstLine = async ({ input }: Terminal): Promise<string> => {
  let text = ''
  for await (const chunk of input) {
    text += String(chunk)
    if (text.includes('\n') || text.length > mostBytes) break
  }
  const [line = ''] = text.split(/\r?\n/, 1)
  if (line === '' || line.length > mostBytes)
    throw new SeneschalError('usage', 'Standard input has no line that could be it.')
  return line
}

export const isTerminal = (terminal: Terminal): boolean => terminal.input.isTTY === true

export const askSecret = (question: string, terminal: Terminal): Promise<string> =>
  isTerminal(terminal) ? typed(question, terminal) : firstLine(terminal)
