/** `seneschal audit verify`: whether an audit log is whole. */
import { resolve } from 'node:path'
import type { Anchor } from '../../durable/chain-verify.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { type Command, mustHaveWords, texts } from '../command.ts'

const parseAnchor = (word: string): Anchor => {
  const match = /^((?:hub|daemon)\/[a-z0-9-]+)=([0-9]+:[0-9a-f]{64})$/.exec(word)
  if (match?.[1] === undefined || match[2] === undefined)
    throw new SeneschalError('usage', `${JSON.stringify(word)} is not WRITER=SEQ:HASH.`)
  return { writer: match[1], head: match[2] }
}

export const auditVerifyCommand: Command = {
  name: 'audit verify',
  summary: 'Check the hash chains of audit logs: flips, deletions, changes of order, cut tails.',
  usage: 'DIR… [--head WRITER=SEQ:HASH…]',
  help: `Each writer's chain is checked on its own. A tail that was cut off is found through a head that somebody
    else kept: give it with --head. Grants carry the hub's head, the daemon's heartbeat carries the daemon's. Given the
    directories of hub and daemon together, it also names the intents that have no outcome: those of the last moment,
    and those of a hub that was killed before it could hand over. They are no sign of tampering.`,
  options: {
    head: {
      type: 'string',
      multiple: true,
      value: 'WRITER=SEQ:HASH',
      help: 'a head that its chain must contain',
    },
  },
  run: async (input) => {
    mustHaveWords(auditVerifyCommand, input, 1, 64)
    const anchors = texts(input, 'head').map(parseAnchor)
    const { verifyChain } = await import('../../durable/chain-verify.ts')
    let ok = true
    for (const dir of input.words) {
      const report = await verifyChain(resolve(dir), { anchors })
      ok &&= report.ok
      for (const { writer, records, head, bad } of report.chains)
        process.stdout.write(
          bad === undefined
            ? `${dir}: ${writer}: ${records} records, whole, head ${head}\n`
            : `${dir}: ${writer}: BROKEN at ${bad.file}:${bad.line}, record ${bad.seq}: ${bad.why}\n`,
        )
      if (report.chains.length === 0) {
        ok = false
        process.stdout.write(`${dir}: there is no audit log here\n`)
      }
    }
    const { openIntents } = await import('../../hub/open-intents.ts')
    const open = ok ? await openIntents(input.words.map((dir) => resolve(dir))) : undefined
    for (const { time, sentence, request } of open ?? [])
      process.stdout.write(`without outcome: ${time} ${sentence} (request ${request})\n`)
    return ok ? 0 : 1
  },
}
