import { refusedRequest } from '../harness/refused-request.ts'

refusedRequest('a grant for another site is refused here', 'grant.wrong-site', (site) =>
  site.ask({ action: 'hold', workflow: 'clouds' }, { aud: 'elsewhere' }),
)
