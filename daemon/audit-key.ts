/** The key that a daemon signs the heads of its audit chain with: made when it is first needed. */
import { join } from 'node:path'
import { z } from 'zod/mini'
import { readJsonFile, writeFileAtomic, writeNewFile } from '../durable/files.ts'
import { type CheckpointSigner, createCheckpointSigner } from '../wire/checkpoints.ts'
import { generateKey, publicHalf } from '../wire/tokens.ts'

const jwk = z.looseObject({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string(),
  kid: z.string(),
  d: z.string(),
})

/** Private, in `state/`; its public half in `audit/`, for whoever verifies. */
const keyFile = 'audit-key.jwk.json'
export const publicKeyFile = 'audit-key.json'

export const openAuditKey = async (dirs: {
  readonly state: string
  readonly audit: string
}): Promise<CheckpointSigner> => {
  const file = join(dirs.state, keyFile)
  const known = await readJsonFile(file, jwk)
  const key = known ?? (await generateKey())
  if (known === undefined) await writeNewFile(file, `${JSON.stringify(key)}\n`, { mode: 0o600 })
  await writeFileAtomic(join(dirs.audit, publicKeyFile), `${JSON.stringify(publicHalf(key), null, 2)}\n`, {
    mode: 0o644,
  })
  return createCheckpointSigner(key)
}
