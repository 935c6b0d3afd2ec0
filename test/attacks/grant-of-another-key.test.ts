import { randomUUID } from 'node:crypto'
import { grantType } from '../../protocol/tokens.ts'
import { createSigner, generateKey } from '../../wire/tokens.ts'
import { issuer, site as siteName } from '../harness/daemon.ts'
import { refusedRequest } from '../harness/refused-request.ts'

refusedRequest('an account that signs a grant by itself is refused', 'grant.invalid', async (site) => {
  const own = await createSigner(await generateKey())
  const id = randomUUID()
  const iat = Math.floor(Date.now() / 1000)
  const request = { action: 'hold', account: 'atmosphere_stage', workflow: 'clouds', args: {} }
  const grant = await own.sign(grantType, {
    iss: issuer,
    aud: siteName,
    sub: 'jacintar',
    groups: [],
    session: 's',
    elevation: { class: 'write', until: Date.now() + 60_000 },
    policy: 1,
    audit: '1:0',
    request,
    iat,
    exp: iat + 60,
    jti: id,
  })
  await site.put({ version: 1, id, grant })
  return site.answer(id)
})
