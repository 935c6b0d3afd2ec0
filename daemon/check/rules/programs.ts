/** Programs of the system that the daemon starts. */
import type { Rule } from '../rule.ts'

const needed = [
  ['flock', 'util-linux', 'it keeps a second daemon out'],
  ['getent', 'libc-bin', 'it tells users and groups'],
] as const

export const programs: Rule = {
  name: 'programs',
  says: 'The programs flock and getent are there, and bubblewrap where plugins are active.',
  look: async ({ hasProgram, config }) => {
    const wanted = [
      ...needed,
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
