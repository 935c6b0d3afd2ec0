/** Text that this tab kept, as a value; undefined where it is none. */
export const parseStored = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
