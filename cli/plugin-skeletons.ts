/** What `seneschal plugin new` writes: a plugin that works, and passes its own check. */

export type Language = 'typescript' | 'python' | 'shell'

export type Skeleton = { readonly file: string; readonly mode: number; readonly text: string }

const typescript = (
  name: string,
): string => `import { allowed, definePlugin, refused } from 'seneschal/plugin'

export default definePlugin({
  version: '1.0.0',
  help: \`Say what ${name} does, in one line.

Then all that somebody needs to know who runs it.\`,
  arguments: {
    type: 'object',
    properties: {
      name: { type: 'string', maxLength: 64, description: 'whom to greet' },
    },
    required: ['name'],
  },
  positional: ['name'],
  // keep: the audit log has the value; hide: that it was given; skip: nothing.
  audit: { name: 'keep' },
  settings: {
    type: 'object',
    properties: {
      greeting: { type: 'string', default: 'Hello', description: 'what the site says' },
    },
  },
  authorize: ({ args }) => (args.name === 'nobody' ? refused('Nobody is not greeted.') : allowed),
  plan: ({ name }, _request, { greeting }) => ({
    kind: 'job',
    argv: ['/bin/echo', \`\${greeting}, \${name}!\`],
    timeLimitMs: 60_000,
  }),
  examples: [
    { args: { name: 'Ada' }, expect: 'job' },
    { args: { name: 'nobody' }, expect: 'refused' },
    { args: {}, expect: 'invalid' },
  ],
})
`

const python = (
  name: string,
): string => `"""Asked for each question anew: one line of JSON in, one JSON value out."""
import json
import sys

DESCRIPTION = {
    "version": "1.0.0",
    "help": "Say what ${name} does, in one line.\\n\\nThen all that somebody needs to know who runs it.",
    "arguments": {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 64, "description": "whom to greet"}},
        "required": ["name"],
    },
    "positional": ["name"],
    # keep: the audit log has the value; hide: that it was given; skip: nothing.
    "audit": {"name": "keep"},
    "settings": {
        "type": "object",
        "properties": {"greeting": {"type": "string", "default": "Hello", "description": "what the site says"}},
    },
    "examples": [
        {"args": {"name": "Ada"}, "expect": "job"},
        {"args": {"name": "nobody"}, "expect": "refused"},
        {"args": {}, "expect": "invalid"},
    ],
}


def authorize(request, settings):
    if request["args"]["name"] == "nobody":
        return {"allowed": False, "reason": "Nobody is not greeted."}
    return {"allowed": True}


def plan(args, request, settings):
    greeting = f"{settings['greeting']}, {args['name']}!"
    return {"kind": "job", "argv": ["/bin/echo", greeting], "timeLimitMs": 60000}


call = json.loads(sys.stdin.readline())
if call["op"] == "describe":
    answer = DESCRIPTION
elif call["op"] == "authorize":
    answer = authorize(call["request"], call["settings"])
else:
    answer = plan(call["args"], call["request"], call["settings"])
print(json.dumps(answer))
`

const shell = (name: string): string => `#!/bin/sh
# Asked for each question anew: one line of JSON in, one JSON value out. Whoever needs the arguments takes jq or another
# language: a shell has no business picking JSON apart.
read -r call
case $call in
  '{"op":"describe"'*)
    cat <<'END'
{
  "version": "1.0.0",
  "help": "Say what ${name} does, in one line.\\n\\nThen all that somebody needs to know who runs it.",
  "arguments": { "type": "object" },
  "audit": {},
  "settings": { "type": "object" },
  "examples": [
    { "args": {}, "expect": "job" },
    { "args": { "name": "Ada" }, "expect": "invalid" }
  ]
}
END
    ;;
  '{"op":"authorize"'*) echo '{ "allowed": true }' ;;
  '{"op":"plan"'*) echo '{ "kind": "job", "argv": ["/bin/date"], "timeLimitMs": 60000 }' ;;
esac
`

export const skeletonOf = (name: string, language: Language): Skeleton => {
  if (language === 'python') return { file: `${name}.py`, mode: 0o644, text: python(name) }
  if (language === 'shell') return { file: name, mode: 0o755, text: shell(name) }
  return { file: `${name}.ts`, mode: 0o644, text: typescript(name) }
}
