import { agentProtocol } from '../../protocol/agent-line.ts'
import { version as product } from '../../protocol/version.ts'
import type { Verb } from './verb.ts'

export const version: Verb = async ({ answer }) => {
  answer({ protocol: agentProtocol, version: product, node: process.versions.node })
}
