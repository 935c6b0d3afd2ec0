/** `seneschal explain`: why somebody may or may not, from the snapshot that hub and daemon decide by. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decide } from '../../policy/decide.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { parseId, personName } from '../../protocol/ids.ts'
import { isPermissionAction, permissionActions, permissionSnapshot } from '../../protocol/permissions.ts'
import { groups as groupsSchema } from '../../protocol/tokens.ts'
import { type Command, mustHaveWords, texts } from '../command.ts'
import { siteDirectory, siteOption } from '../site-directory.ts'

const readSnapshot = (site: string) => {
  const file = join(site, 'feed/site/permissions.json')
  try {
    return permissionSnapshot.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch (cause) {
    throw new SeneschalError('feed.unavailable', `${file}: ${(cause as Error).message}`, { cause })
  }
}

export const explainCommand: Command = {
  name: 'explain',
  summary: 'Say whether a person may do something, and which rule decides.',
  usage: "PERSON ACTION '~ACCOUNT[/WORKFLOW]' [--group SOURCE/NAME…]",
  help: 'For administrators on the site’s host: it reads the snapshot that hub and daemon decide by. Groups are named by hand, as the hub would find them.',
  options: {
    group: {
      type: 'string',
      multiple: true,
      value: 'SOURCE/NAME',
      help: 'a group of the person: oidc/ops, unix/staff',
    },
    json: { type: 'boolean', help: 'print the decision as JSON' },
    ...siteOption,
  },
  run: async (input) => {
    mustHaveWords(explainCommand, input, 3, 3)
    const [person = '', action = '', id = ''] = input.words
    if (!personName.safeParse(person).success)
      throw new SeneschalError('usage', `${JSON.stringify(person)} is no name of a person.`)
    if (!isPermissionAction(action))
      throw new SeneschalError('action.unknown', `There are: ${permissionActions.join(', ')}.`)
    const target = parseId(id.startsWith('~') ? id : `~${id}`)
    if (target === undefined)
      throw new SeneschalError('usage', `${JSON.stringify(id)} is not an id such as ~account/workflow.`)
    const groups = groupsSchema.safeParse(texts(input, 'group'))
    if (!groups.success) throw new SeneschalError('usage', 'A group is unix/NAME, ldap/NAME or oidc/NAME.')
    const decision = decide(readSnapshot(siteDirectory(input)), {
      who: { kind: 'person', name: person, groups: groups.data },
      action,
      account: target.account,
      workflow: target.workflow,
    })
    if (input.values.json === true) process.stdout.write(`${JSON.stringify(decision)}\n`)
    else {
      const place =
        decision.file === undefined ? [] : [`  by: ${decision.file}:${decision.line ?? 1} (${decision.rule})`]
      const raise =
        decision.allowed && decision.elevation !== undefined
          ? [`  after raising privileges to ${decision.elevation}`]
          : []
      process.stdout.write(
        [`${decision.allowed ? 'allowed' : 'refused'}: ${decision.reason}`, ...place, ...raise, ''].join(
          '\n',
        ),
      )
    }
    return decision.allowed ? 0 : 1
  },
}
