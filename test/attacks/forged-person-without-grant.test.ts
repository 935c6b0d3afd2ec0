import { randomUUID } from 'node:crypto'
import { refusedRequest } from '../harness/refused-request.ts'

refusedRequest(
  'an account that names a person in its own request is refused',
  'input.invalid',
  async (site) => {
    const id = randomUUID()
    const target = { account: 'atmosphere_stage', workflow: 'clouds' }
    await site.put({ version: 1, id, action: 'hold', ...target, args: {}, person: 'jacintar' })
    return site.answer(id)
  },
)
