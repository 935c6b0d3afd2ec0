/** What only an account's own server knows: asked through the hub, which starts that server where it rests. */
import { setTimeout as sleep } from 'node:timers/promises'
import { accountBody } from '../../protocol/api.ts'
import { isErrorCode, SeneschalError } from '../../protocol/errors.ts'
import type { HubClient } from './client.ts'

const pollMs = 500
const longestMs = 120_000

const isResting = (thrown: unknown): boolean =>
  thrown instanceof SeneschalError && (thrown.code === 'server.off' || thrown.code === 'server.starting')

/** A token changes nothing, so it waits for nobody: somebody signed in has to start the server. */
const start = async (client: HubClient, account: string): Promise<void> => {
  if (client.isToken)
    throw new SeneschalError(
      'server.off',
      'A token starts none: somebody who signed in does, by looking at the account.',
    )
  process.stderr.write(`The server of ${account} rests; it is started.\n`)
  await client.change('POST', `/api/accounts/${account}/server`, {})
  const until = Date.now() + longestMs
  while (Date.now() < until) {
    await sleep(pollMs)
    const { server } = await client.get(`/api/accounts/${account}`, accountBody)
    if (server.state === 'on') return
    if (server.state === 'failed')
      throw new SeneschalError(
        isErrorCode(server.code) ? server.code : 'server.off',
        server.reason ?? undefined,
      )
  }
  throw new SeneschalError('server.timeout')
}

/** Asks; where the server rests, starts it and asks once more. */
export const askServer = async <T>(client: HubClient, account: string, ask: () => Promise<T>): Promise<T> => {
  try {
    return await ask()
  } catch (thrown) {
    if (!isResting(thrown)) throw thrown
    await start(client, account)
    return ask()
  }
}

/** A path below the account's server, with a query. */
export const serverPath = (
  account: string,
  path: string,
  query: Readonly<Record<string, string | undefined>> = {},
): string => {
  const given = Object.entries(query).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]]))
  const words = new URLSearchParams(given)
  return `/u/${account}/${path}${words.size === 0 ? '' : `?${words}`}`
}
