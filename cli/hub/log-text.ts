/** What a job wrote, on its way to a terminal: colours pass, whatever else would steer the terminal is shown instead. */

/** Colours and emphasis (SGR). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for.
const colour = /\u001b\[[0-9;:]*m/g
/** Control characters but tab and line feed, and the C1 ones that some terminals take for an escape. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const steering = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

const visible = (text: string): string => text.replace(/\r\n/g, '\n').replace(steering, '\ufffd')

export const forTerminal = (text: string): string => {
  let shown = ''
  let from = 0
  for (const match of text.matchAll(colour)) {
    shown += visible(text.slice(from, match.index)) + match[0]
    from = match.index + match[0].length
  }
  return shown + visible(text.slice(from))
}
