/** What a token is for, in words. */
import { formatId } from '../../protocol/ids.ts'
import type { TokenScope } from '../../protocol/script-tokens.ts'

export const scopeWords = ({ reads, on }: TokenScope): string =>
  `${reads.join(',')} of ${on === null ? 'all' : on.map(formatId).join(' ')}`
