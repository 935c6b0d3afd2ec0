/** Says what it was told: shows that a site's plugins work, without doing anything. */
import { allowed, definePlugin, refused } from 'seneschal/plugin'

export default definePlugin({
  version: '1.0.0',
  help: `Answer with the text that was given.

It starts no job and touches no file: a way to see that requests reach the daemon, and that plugins run.`,
  arguments: {
    type: 'object',
    properties: {
      text: {
        type: 'array',
        items: { type: 'string', maxLength: 500 },
        maxItems: 50,
        description: 'what to say',
      },
    },
    required: ['text'],
  },
  positional: ['text'],
  audit: { text: 'keep' },
  settings: {
    type: 'object',
    properties: {
      longest: {
        type: 'integer',
        minimum: 1,
        maximum: 1000,
        default: 200,
        description: 'characters, at most',
      },
    },
  },
  authorize: ({ args }, { longest }) =>
    args.text.join(' ').length <= longest ? allowed : refused(`Not more than ${longest} characters.`),
  plan: ({ text }) => ({ kind: 'sequence', steps: [], message: text.join(' ') }),
  examples: [
    { args: { text: ['good', 'morning'] }, expect: 'sequence' },
    { args: { text: ['too long'] }, settings: { longest: 3 }, expect: 'refused' },
    { args: {}, expect: 'invalid' },
  ],
})
