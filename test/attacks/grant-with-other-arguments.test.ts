import { refusedRequest } from '../harness/refused-request.ts'

refusedRequest('a grant whose content was changed is refused', 'grant.invalid', async (site) => {
  const made = await site.grant({ action: 'hold', workflow: 'clouds' })
  const [head, body, signature] = made.grant.split('.')
  const claims = JSON.parse(Buffer.from(body ?? '', 'base64url').toString())
  claims.request.action = 'stop'
  const changed = Buffer.from(JSON.stringify(claims)).toString('base64url')
  await site.put({ version: 1, id: made.id, grant: [head, changed, signature].join('.') })
  return site.answer(made.id)
})
