/** Waits until a person is through at the identity provider's page. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type DeviceAnswer, deviceState } from '../../protocol/api.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import type { HubClient } from './client.ts'

export const waitAtTheProvider = async (client: HubClient, begun: DeviceAnswer): Promise<void> => {
  process.stderr.write(
    `Open ${begun.verificationUriComplete ?? begun.verificationUri}\nand confirm the code ${begun.userCode}\n`,
  )
  const until = Date.now() + begun.expiresIn * 1000
  while (Date.now() < until) {
    await sleep(begun.interval * 1000)
    const { device } = begun
    const { body } = await client.change('POST', '/auth/device/token', { device }, deviceState)
    if (body?.state === 'done') return
  }
  throw new SeneschalError('auth.denied', 'Nobody confirmed it in time.')
}
