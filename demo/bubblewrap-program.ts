/** Where bubblewrap is: the system's, or the one that set-up unpacked beside the checkout. undefined where there is none. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

export const bubblewrapProgram = (): string | undefined =>
  ['/usr/bin/bwrap', join(dirname(import.meta.dirname), '.cache/bubblewrap/usr/bin/bwrap')].find(existsSync)
