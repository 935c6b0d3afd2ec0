import { refusedRequest } from '../harness/refused-request.ts'

const now = Math.floor(Date.now() / 1000)

refusedRequest('a grant that was hoarded is refused by the time of its file', 'grant.expired', (site) =>
  site.ask({ action: 'hold', workflow: 'clouds' }, { iat: now - 120, exp: now - 60 }),
)
