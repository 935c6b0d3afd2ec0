/** Runs one of the scripts that lie in a directory of the site, as a job of the account that asks. */
import { constants } from 'node:fs'
import { lstat, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { allowed, definePlugin, refused } from 'seneschal/plugin'

const namePattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/

/** Scripts that nobody but their owner can change; a link is none. */
const listScripts = async (directory: string): Promise<readonly string[]> => {
  if (((await lstat(directory)).mode & 0o022) !== 0)
    throw new Error('others than its owner can write to the directory of scripts')
  const found: string[] = []
  for (const name of await readdir(directory)) {
    if (!namePattern.test(name)) continue
    const { mode } = await lstat(join(directory, name))
    if ((mode & constants.S_IFMT) === constants.S_IFREG && (mode & 0o022) === 0) found.push(name)
  }
  return found.sort()
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

/** The text of the script as it is now goes with the job, so it may change later without changing this run. */
const textOf = async (directory: string, name: string): Promise<string> => {
  await using file = await open(join(directory, name), constants.O_RDONLY | constants.O_NOFOLLOW)
  return file.readFile('utf8')
}

export default definePlugin({
  version: '1.0.0',
  help: `Run a script of the site's, as the account.

The scripts lie in a directory that the site names. A script gets its arguments as SENESCHAL_ARG_1 and so on, and their
number as SENESCHAL_ARGS; one in shell gets them as "$@" too. What it prints is the job's log.`,
  arguments: {
    type: 'object',
    properties: {
      script: { type: 'string', pattern: namePattern.source, description: 'name of the script' },
      words: {
        type: 'array',
        items: { type: 'string', maxLength: 1000, pattern: '^[^\\0]*$' },
        maxItems: 20,
        default: [],
        description: 'its arguments',
      },
    },
    required: ['script'],
  },
  positional: ['script', 'words'],
  audit: { script: 'keep', words: 'hide' },
  settings: {
    type: 'object',
    properties: {
      directory: {
        type: 'string',
        pattern: '^/[^\\0]+$',
        description: 'where the scripts lie: an absolute path',
      },
      runner: { type: 'string', pattern: '^[a-z][a-z0-9-]{0,31}$', default: 'background' },
      timeLimit: { type: 'integer', minimum: 1, maximum: 2592000, default: 3600, description: 'seconds' },
    },
    required: ['directory'],
  },
  authorize: async ({ args: { script } }, { directory }) => {
    const scripts = await listScripts(directory)
    return scripts.includes(script)
      ? allowed
      : refused(`There is no script ${script}: ${scripts.join(', ') || 'there is none'}.`)
  },
  plan: async ({ script, words }, _request, { directory, runner, timeLimit }) => {
    const text = await textOf(directory, script)
    const isShell = !text.startsWith('#!') || /^#!\s*(?:\/usr)?\/bin\/(?:env\s+)?(?:ba|da|k)?sh\b/.test(text)
    const [first, ...rest] = text.startsWith('#!') ? text.split('\n') : ['', text]
    const set = `set -- ${words.map(quoted).join(' ')}`
    return {
      kind: 'job',
      script:
        isShell && words.length > 0 ? [...(first === '' ? [] : [first]), set, ...rest].join('\n') : text,
      environment: {
        SENESCHAL_ARGS: String(words.length),
        ...Object.fromEntries(words.map((word, index) => [`SENESCHAL_ARG_${index + 1}`, word])),
      },
      runner,
      timeLimitMs: timeLimit * 1000,
    }
  },
  examples: [
    { args: { script: '../secret' }, settings: { directory: '/usr/bin' }, expect: 'invalid' },
    { args: { script: 'no-such-script' }, settings: { directory: '/usr' }, expect: 'refused' },
  ],
})
