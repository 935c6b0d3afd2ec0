/** What people call the browser that a session is in, from what it called itself. A name is a claim, and only shown. */
import { commandLineDevice } from '../../protocol/sessions.ts'

/** The more particular first: all of them claim to be several. */
const browsers: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/\bEdg(?:e|A|iOS)?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bFirefox\/|\bFxiOS\//, 'Firefox'],
  [/\b(?:Headless)?Chrom(?:e|ium)\/|\bCriOS\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
]
const systems: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/\bAndroid\b/, 'Android'],
  [/\b(?:iPhone|iPad)\b/, 'iOS'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b|\bMacintosh\b/, 'macOS'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
]

const nameIn = (text: string, table: typeof browsers): string | undefined =>
  table.find(([pattern]) => pattern.test(text))?.[1]

/** `Firefox on Linux`, `Command line`; its own words where they are none that we know. */
export const deviceName = (device: string | null): string => {
  if (device === null || device.trim() === '') return 'Unknown browser'
  if (device === commandLineDevice) return 'Command line'
  const browser = nameIn(device, browsers)
  const system = nameIn(device, systems)
  if (browser === undefined) return device.length > 40 ? `${device.slice(0, 39)}…` : device
  return system === undefined ? browser : `${browser} on ${system}`
}
