/** Long text: through the pager where somebody sits at a terminal, else as it is. */
import { spawn } from 'node:child_process'

const throughPager = (command: string, text: string): Promise<boolean> =>
  new Promise((resolve) => {
    // PAGER is a shell command by custom: `less -R`. It is the user's own, in the user's own process.
    const pager = spawn('/bin/sh', ['-c', command], { stdio: ['pipe', 'inherit', 'inherit'] })
    pager.once('error', () => resolve(false))
    pager.once('close', (code) => resolve(code !== 127))
    // Who leaves before the end has seen enough.
    pager.stdin.on('error', () => undefined)
    pager.stdin.end(text)
  })

export const page = async (
  text: string,
  to: { readonly isTerminal: boolean; readonly pager: string | undefined },
): Promise<void> => {
  const command = to.pager === undefined || to.pager === '' ? 'less -FRX' : to.pager
  if (to.isTerminal && (await throughPager(command, text))) return
  process.stdout.write(text)
}
