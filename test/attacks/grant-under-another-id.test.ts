import { randomUUID } from 'node:crypto'
import { refusedRequest } from '../harness/refused-request.ts'

refusedRequest('a grant filed under another id is refused', 'grant.wrong-request', async (site) => {
  const { grant } = await site.grant({ action: 'hold', workflow: 'clouds' })
  const id = randomUUID()
  await site.put({ version: 1, id, grant })
  return site.answer(id)
})
