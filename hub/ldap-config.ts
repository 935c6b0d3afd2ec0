/** Where groups are looked up in a directory server. */
import { z } from 'zod/mini'
import { absolutePath, duration, secretRef } from '../config/schemas.ts'
import { parseTemplate, placeholdersIn } from './ldap-template.ts'

const text = z.string().check(z.minLength(1))

const filter = text.check(
  z.refine(
    (value) => {
      try {
        parseTemplate(value)
        return placeholdersIn(value).size > 0
      } catch {
        return false
      }
    },
    {
      error: (issue) =>
        `${JSON.stringify(issue.input)} is not a search filter that names the person as {name} or {dn}`,
    },
  ),
)

const isLoopbackLdap = (url: string): boolean =>
  ['localhost', '127.0.0.1', '[::1]'].includes(new URL(url).hostname)

export const ldapConfig = z
  .strictObject({
    /** `ldaps://HOST[:PORT]`, or `ldap://` with `startTls`. */
    url: z.url({ protocol: /^ldaps?$/, hostname: /^.+$/ }),
    /** Turn to TLS before anything is said. */
    startTls: z._default(z.boolean(), false),
    /** Certificates to trust instead of the system's. */
    caFile: z.optional(absolutePath),
    /** Who asks; without it, anonymously. */
    bindDn: z.optional(text),
    password: z.optional(secretRef),
    /** Finds a person's own entry, for groups that list distinguished names. */
    people: z.optional(
      z.strictObject({
        base: text,
        filter: z._default(filter, '(uid={name})'),
        /** Holds the person's name exactly: what a filter finds may differ in case or blanks. */
        nameAttribute: z._default(text, 'uid'),
      }),
    ),
    groups: z.strictObject({
      base: text,
      /** `(memberUid={name})` for posixGroup; `(member={dn})` for groupOfNames, with `people`. */
      filter,
      /** Holds the name, which becomes `ldap/NAME`. */
      nameAttribute: z._default(text, 'cn'),
    }),
    /** How long one answer may take. */
    timeout: z._default(duration, 'PT5S'),
    /** Talk plainly, on loopback only: anybody between could put anybody into any group. */
    unsafePlain: z._default(z.boolean(), false),
  })
  .check(
    z.refine(
      ({ url, startTls, unsafePlain }) =>
        url.startsWith('ldaps:') || startTls || (unsafePlain && isLoopbackLdap(url)),
      {
        path: ['url'],
        error: () => 'must be ldaps:, or startTls: true (or loopback, with unsafePlain: true)',
      },
    ),
    z.refine(({ bindDn, password }) => (bindDn === undefined) === (password === undefined), {
      path: ['bindDn'],
      error: () => 'bindDn and password belong together: without a password, servers answer as to anybody',
    }),
    z.refine(({ groups, people }) => people !== undefined || !placeholdersIn(groups.filter).has('dn'), {
      path: ['groups', 'filter'],
      error: () => '{dn} needs people, where it is looked up',
    }),
  )
export type LdapConfig = z.infer<typeof ldapConfig>
