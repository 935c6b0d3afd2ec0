/** Programs of the system that the daemon starts. */
import type { Rule } from '../rule.ts'

const needed = [
  ['flock', 'util-linux', 'it keeps a second daemon out'],
  ['getent', 'libc-bin', 'it tells users and groups'],
] as const

export const programs: Rule = {
  name: 'programs',
  says: 'The programs flock and getent are there, bubblewrap where plugins are active, and logger where the log goes to syslog.',
  look: async ({ hasProgram, config }) => {
    const wanted = [
      ...needed,
      ...(config.log.to === 'syslog' ? ([['logger', 'bsdutils', 'the log goes through it']] as const) : []),
      ...(config.plugins.active.length === 0 || config.unsafeSingleUser
        ? []
        : ([['bwrap', 'bubblewrap', 'plugins run in it']] as const)),
    ]
    const missing = await Promise.all(
      wanted.map(async ([program, packageName, why]) =>
        (await hasProgram(program))
          ? []
          : [
              {
                level: 'error' as const,
                what: `There is no ${program}: ${why}.`,
                mend: `apt-get install ${packageName}`,
              },
            ],
      ),
    )
    return missing.flat()
  },
}
