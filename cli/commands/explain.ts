/** `seneschal explain`: why somebody may or may not, from the snapshot that hub and daemon decide by. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decide } from '../../policy/decide.ts'
import { explainBody } from '../../protocol/api.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { parseId, personName } from '../../protocol/ids.ts'
import { isPermissionAction, permissionActions, permissionSnapshot } from '../../protocol/permissions.ts'
import { groups as groupsSchema } from '../../protocol/tokens.ts'
import { type Command, type Input, mustHaveWords, text, texts } from '../command.ts'
import { siteDirectory, siteOption } from '../site-directory.ts'

const readSnapshot = (site: string) => {
  const file = join(site, 'feed/site/permissions.json')
  try {
    return permissionSnapshot.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch (cause) {
    throw new SeneschalError('feed.unavailable', `${file}: ${(cause as Error).message}`, { cause })
  }
}

/** A decision of ours, or the hub's words about one. */
type Told = {
  readonly allowed: boolean
  readonly reason: string
  readonly file?: string | null | undefined
  readonly line?: number | null | undefined
  readonly rule?: string | null | undefined
  readonly elevation?: string | null | undefined
}

const print = (told: Told, input: Input): number => {
  if (input.values.json === true) process.stdout.write(`${JSON.stringify(told)}\n`)
  else {
    const { allowed, reason, file, line, rule, elevation } = told
    const place = file == null ? [] : [`  by: ${file}:${line ?? 1} (${rule})`]
    const raise = allowed && elevation != null ? [`  after raising privileges to ${elevation}`] : []
    process.stdout.write([`${allowed ? 'allowed' : 'refused'}: ${reason}`, ...place, ...raise, ''].join('\n'))
  }
  return told.allowed ? 0 : 1
}

export const explainCommand: Command = {
  name: 'explain',
  summary: 'Say whether a person may do something, and which rule decides.',
  usage: "PERSON ACTION '~ACCOUNT[/WORKFLOW]' [--group SOURCE/NAME…]",
  help: `On the site’s host, for those who run it: reads the snapshot that hub and daemon decide by, and works while both are
    down. Groups are named by hand, as the hub would find them.

    With --hub it asks the hub as yourself, which knows the groups: about yourself, or, for owners of the account,
    administrators and auditors, about anybody who signed in there.`,
  options: {
    group: {
      type: 'string',
      multiple: true,
      value: 'SOURCE/NAME',
      help: 'a group of the person: oidc/ops, unix/staff',
    },
    json: { type: 'boolean', help: 'print the decision as JSON' },
    hub: { type: 'string', value: 'URL', help: 'ask this hub instead' },
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
    if (text(input, 'hub') !== undefined) {
      if (texts(input, 'group').length > 0)
        throw new SeneschalError('usage', 'The hub knows the groups: leave --group away.')
      const { account, workflow } = target
      const query = new URLSearchParams({
        ...{ person, action, account },
        ...(workflow === undefined ? {} : { workflow }),
      })
      const { hubClient } = await import('../hub/options.ts')
      return print(await hubClient(input).get(`/api/explain?${query}`, explainBody), input)
    }
    const groups = groupsSchema.safeParse(texts(input, 'group'))
    if (!groups.success) throw new SeneschalError('usage', 'A group is unix/NAME, ldap/NAME or oidc/NAME.')
    const decision = decide(readSnapshot(siteDirectory(input)), {
      who: { kind: 'person', name: person, groups: groups.data },
      action,
      account: target.account,
      workflow: target.workflow,
    })
    return print(decision, input)
  },
}
