/** A person's groups in a directory server, asked over LDAP (RFC 4511). */
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { Client, type Entry } from 'ldapts'
import { milliseconds, readSecret } from '../config/schemas.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { personPattern } from '../protocol/ids.ts'
import type { LdapConfig } from './ldap-config.ts'
import { type LdapTemplate, parseTemplate } from './ldap-template.ts'

export type LdapGroups = {
  /** Groups of whoever is called so; empty for somebody the directory does not know. Rejects where it cannot be told. */
  readonly of: (name: string) => Promise<readonly string[]>
  readonly close: () => void
}

const unavailable = (detail: string) => new SeneschalError('groups.unavailable', detail)

/** More groups than any assertion could carry: a filter that forgot to name the person. */
const maxGroups = 1000

const valuesOf = (entry: Entry, attribute: string): readonly string[] => {
  const key = Object.keys(entry).find((name) => name.toLowerCase() === attribute.toLowerCase())
  return [key === undefined ? [] : (entry[key] ?? [])].flat().filter((value) => typeof value === 'string')
}

type Search = {
  readonly base: string
  readonly filter: LdapTemplate
  readonly attribute: string
  /** More are refused, not cut: who is left out may be whom a rule denies. */
  readonly most: number
}

type Connection = { readonly client: Client; readonly socket: () => Socket | undefined }

/**
 * A client that connects once. By itself it would connect again behind our back, and go on there without TLS and
 * without having said who asks.
 */
const openConnection = (config: LdapConfig, tlsOptions: ConnectionOptions): Connection => {
  const timeout = milliseconds(config.timeout)
  let socket: Socket | undefined
  const once = <Made extends Socket>(make: () => Made): Made => {
    if (socket !== undefined) throw new Error('the connection to the directory has gone')
    const made = make()
    socket = made
    return made
  }
  const plain = (port: number, host: string) => once(() => connect(port, host))
  const secure = (port: number, host: string) => once(() => connectTls(port, host, tlsOptions))
  const made = config.url.startsWith('ldaps:')
    ? { tlsOptions, createSecureConnection: secure as typeof connectTls }
    : { createConnection: plain as typeof connect }
  const client = new Client({ url: config.url, timeout, connectTimeout: timeout, ...made })
  return { client, socket: () => socket }
}

/** One connection, made when it is needed and kept while it lasts. */
const createConnection = (config: LdapConfig) => {
  const tlsOptions = {
    minVersion: 'TLSv1.2' as const,
    ...(config.caFile === undefined ? {} : { ca: readFileSync(config.caFile) }),
  }
  let current: { readonly ready: Promise<void>; readonly connection: Connection } | undefined

  const begin = () => {
    const connection = openConnection(config, tlsOptions)
    const signIn = async (): Promise<void> => {
      if (config.startTls)
        await connection.client.startTLS({ ...tlsOptions, host: new URL(config.url).hostname })
      if (config.bindDn !== undefined && config.password !== undefined)
        await connection.client.bind(config.bindDn, readSecret(config.password))
    }
    return { connection, ready: signIn() }
  }
  const drop = (held: typeof current): void => {
    if (current === held) current = undefined
    held?.connection.socket()?.destroy()
  }

  return {
    /** Anew after a failure: a server that was restarted knows nothing of who had signed in. */
    use: async <T>(work: (client: Client) => Promise<T>): Promise<T> => {
      const socket = current?.connection.socket()
      if (socket?.destroyed === true || socket?.readableEnded === true) drop(current)
      current ??= begin()
      const held = current
      try {
        await held.ready
        return await work(held.connection.client)
      } catch (thrown) {
        drop(held)
        throw thrown
      }
    },
    close: (): void => drop(current),
  }
}

export const createLdapGroups = (config: LdapConfig): LdapGroups => {
  const { people, groups } = config
  const peopleFilter = people === undefined ? undefined : parseTemplate(people.filter)
  const groupFilter = parseTemplate(groups.filter)
  const connection = createConnection(config)

  /** Without a limit of our own: a server that stops at one would then be taken for one that had no more to say. */
  const search = (given: Search, values: Readonly<Record<string, string>>): Promise<readonly Entry[]> =>
    connection.use(async (client) => {
      const found: Entry[] = []
      const pages = client.searchPaginated(given.base, {
        scope: 'sub',
        filter: given.filter(values),
        attributes: [given.attribute],
        paged: { pageSize: 500 },
        timeLimit: Math.ceil(milliseconds(config.timeout) / 1000),
      })
      for await (const { searchEntries, searchReferences } of pages) {
        if (searchReferences.length > 0)
          throw unavailable(`The directory refers to other servers: ask one that holds all of ${given.base}.`)
        found.push(...searchEntries)
        if (found.length > given.most)
          throw unavailable(`The directory finds more than ${given.most} entries below ${given.base}.`)
      }
      return found
    })

  /** The person's entry. Directories find names whatever their case; a person is called so and no other way. */
  const distinguishedName = async (name: string): Promise<string | undefined> => {
    if (people === undefined || peopleFilter === undefined) return ''
    const { base, nameAttribute } = people
    const found = await search({ base, filter: peopleFilter, attribute: nameAttribute, most: 10 }, { name })
    const exactly = found.filter((entry) => valuesOf(entry, nameAttribute).includes(name))
    if (exactly.length > 1) throw unavailable(`The directory knows several ${name}.`)
    return exactly[0]?.dn
  }

  return {
    of: async (name) => {
      if (!personPattern.test(name)) return []
      const dn = await distinguishedName(name)
      if (dn === undefined) return []
      const entries = await search(
        { base: groups.base, filter: groupFilter, attribute: groups.nameAttribute, most: maxGroups },
        { name, dn },
      )
      return [...new Set(entries.flatMap((entry) => valuesOf(entry, groups.nameAttribute)))]
    },
    close: connection.close,
  }
}
