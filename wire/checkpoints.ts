/** Checkpoints: made by the one who writes an audit chain, read by whoever checks it later. */
import { compactVerify, createLocalJWKSet, importJWK, type JWK, SignJWT } from 'jose'
import { type Checkpoint, checkpointClaims, checkpointLine, checkpointType } from '../protocol/checkpoints.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { publicHalf } from './tokens.ts'

const algorithm = 'EdDSA'

export type CheckpointSigner = (checkpoint: Checkpoint) => Promise<string>

/** Signs with a writer's own private key. */
export const createCheckpointSigner = async (key: JWK): Promise<CheckpointSigner> => {
  const { kid = '' } = publicHalf(key)
  const secret = await importJWK(key, algorithm)
  return (checkpoint) =>
    new SignJWT(checkpoint).setProtectedHeader({ alg: algorithm, kid, typ: checkpointType }).sign(secret)
}

/** A head that a file of checkpoints vouches for. */
export type SignedHead = { readonly writer: string; readonly head: string; readonly by: string }

const parseKeys = (text: string): readonly JWK[] => {
  const found = JSON.parse(text) as { readonly keys?: readonly JWK[] } & JWK
  return (Array.isArray(found.keys) ? found.keys : [found]).map(publicHalf)
}

/**
 * Reads the text of a file of checkpoints, one a line. Throws `token.invalid` with the line for one that none of the keys
 * signed: a file of checkpoints that somebody else wrote into proves nothing.
 */
export const createCheckpointReader = (
  keyTexts: readonly string[],
): ((text: string, file: string) => Promise<readonly SignedHead[]>) => {
  let keys: readonly JWK[]
  try {
    keys = keyTexts.flatMap(parseKeys)
  } catch (cause) {
    throw new SeneschalError('config.invalid', 'A key is neither a JWK nor a set of them.', { cause })
  }
  const set = createLocalJWKSet({ keys: [...keys] })
  const decoder = new TextDecoder()

  const readLine = async (line: string): Promise<Checkpoint> => {
    const { checkpoint } = checkpointLine.parse(JSON.parse(line))
    const { payload, protectedHeader } = await compactVerify(checkpoint, set, { algorithms: [algorithm] })
    if (protectedHeader.typ !== checkpointType) throw new Error(`its type is ${protectedHeader.typ}`)
    return checkpointClaims.parse(JSON.parse(decoder.decode(payload)))
  }
  return async (text, file) => {
    const heads: SignedHead[] = []
    for (const [index, line] of text.split('\n').entries()) {
      // Where records go as well, those stand between.
      if (line.trim() === '' || line.startsWith('{"time":"')) continue
      try {
        const { iss, seq, hash, iat } = await readLine(line)
        const at = new Date(iat * 1000).toISOString()
        heads.push({ writer: iss, head: `${seq}:${hash}`, by: `as a checkpoint of ${at} says` })
      } catch (cause) {
        throw new SeneschalError(
          'token.invalid',
          `${file}:${index + 1}: this is no checkpoint that one of the keys signed.`,
          { cause },
        )
      }
    }
    return heads
  }
}
