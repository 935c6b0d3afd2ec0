/** The text of a log as it arrives: bounded, by whole lines, without the control sequences of terminals. */

/** What is kept in the page; the file has the rest. */
const mostCharacters = 4_000_000

export type LogText = {
  readonly text: string
  /** Whether something before the first character shown was left out. */
  readonly cut: boolean
}

export const emptyLog: LogText = { text: '', cut: false }

// biome-ignore lint/suspicious/noControlCharactersInRegex: control sequences are what is looked for.
const sequences = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: all but tab and line feed are shown, not obeyed.
const controls = /[\u0000-\u0008\u000b-\u001f\u007f\u0080-\u009f\u202a-\u202e\u2066-\u2069]/g

export const readable = (raw: string): string =>
  raw
    .replace(sequences, '')
    .replaceAll('\r\n', '\n')
    .replace(controls, (char) =>
      char === '\r' ? '\n' : `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
    )

/** Splits off an unfinished control sequence or line end at the end of a piece: it belongs to the next one. */
export const holdBack = (raw: string): readonly [ready: string, rest: string] => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the beginning of a sequence.
  const match = /(?:\r|\u001b(?:\[[0-9;?]*)?)$/.exec(raw)
  return match === null ? [raw, ''] : [raw.slice(0, match.index), match[0]]
}

export const appendLog = (log: LogText, raw: string): LogText => {
  const text = log.text + readable(raw)
  if (text.length <= mostCharacters) return { text, cut: log.cut }
  const from = text.indexOf('\n', text.length - mostCharacters / 2)
  return { text: text.slice(from + 1), cut: true }
}

/** The piece after a jump into the middle of a file begins with half a line, which is left out. */
export const fromWholeLine = (text: string): string => {
  const end = text.indexOf('\n')
  return end < 0 ? text : text.slice(end + 1)
}
