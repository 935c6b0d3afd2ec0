/** What a key of ours can do on a host, tried out: what it is for, and all the rest of SSH, which has to be refused. */
import { randomBytes } from 'node:crypto'
import type { Client, ClientChannel } from 'ssh2'
import { type AgentRole, type AgentVerb, agentVerbs } from '../protocol/agent-line.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { callVersion } from './agent-calls.ts'
import { presentOutput } from './channel.ts'
import { createHeadReader, readLine } from './head-reader.ts'
import { createSshConnection, type SshConnectionOptions } from './ssh-connection.ts'
import { createSshTransport } from './ssh-transport.ts'

export type Finding = { readonly ok: boolean; readonly what: string; readonly detail: string }

/** For each trial, and what is heard in one, ms and bytes. */
const patience = 15_000
const mostHeard = 64 * 1024
/** Nobody listens there: what would be forwarded to us ends at once. */
const noAgent = '/nonexistent/seneschal-agent.sock'
/** Of RFC 4254: the host's rules forbid it. */
const prohibited = 1
/** Sockets that anybody may connect to on most hosts. */
const wellKnown = [
  '/run/systemd/journal/stdout',
  '/run/dbus/system_bus_socket',
  '/run/systemd/userdb/io.systemd.DynamicUser',
]

class Possible extends Error {}

type Ask = (client: Client, done: (error: Error | undefined, channel: ClientChannel) => void) => void

/** The last line that comes back, and the exit code. Rejects where sshd itself says no. */
const heard = (client: Client, ask: Ask): Promise<string> =>
  new Promise((resolve, reject) => {
    ask(client, (error, channel) => {
      if (error !== undefined) return reject(error)
      let text = ''
      const late = setTimeout(() => channel.destroy(), patience)
      channel.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        if (text.length > mostHeard) channel.destroy()
      })
      channel.stderr.resume()
      channel.on('close', () => {
        clearTimeout(late)
        resolve(text.trimEnd().split('\n').at(-1) ?? '')
      })
      channel.end()
    })
  })

const isRefusal = (line: string): boolean => {
  try {
    const said: unknown = JSON.parse(line)
    return (said as { readonly error?: { readonly code?: unknown } } | null)?.error?.code === 'agent.refused'
  } catch {
    return false
  }
}

/** The agent says no, whatever else is asked for. */
const agentRefuses =
  (ask: Ask) =>
  async (client: Client): Promise<string> => {
    let line: string
    try {
      line = await heard(client, ask)
    } catch (error) {
      return `refused by sshd: ${presentOutput((error as Error).message)}`
    }
    if (isRefusal(line)) return 'refused by the agent'
    throw new Possible(line === '' ? 'it was run' : `it answered: ${presentOutput(line)}`)
  }

/** sshd says no before anything is run; where it does not, what was asked for besides is there. */
const sshdRefuses =
  (options: object, words: RegExp) =>
  async (client: Client): Promise<string> => {
    try {
      await heard(client, (to, done) => to.exec('id', options, done))
    } catch (error) {
      if (words.test((error as Error).message)) return 'refused by sshd'
      throw error
    }
    throw new Possible('it was granted')
  }

/** A request of the whole connection. `undo` where it was granted. */
const globalRefused = (ask: (done: (error?: Error) => void) => void, undo: () => void): Promise<string> =>
  new Promise((resolve, reject) => {
    ask((error) => {
      if (error !== undefined) return resolve('refused by sshd')
      undo()
      reject(new Possible('it was granted'))
    })
  })

const opened = (ask: (done: (error: Error | undefined, channel: ClientChannel) => void) => void) =>
  new Promise<Error | undefined>((resolve) => {
    ask((error, channel) => {
      if (error === undefined) channel.destroy()
      resolve(error)
    })
  })

type Trial = { readonly what: string; readonly run: (client: Client) => Promise<string> }

const trials = (port: number): readonly Trial[] => {
  const socket = `/tmp/seneschal-${randomBytes(8).toString('hex')}.sock`
  return [
    { what: 'a shell', run: agentRefuses((client, done) => client.shell(false, done)) },
    { what: 'a command', run: agentRefuses((client, done) => client.exec('id', done)) },
    { what: 'sftp', run: agentRefuses((client, done) => client.subsys('sftp', done)) },
    { what: 'a terminal', run: sshdRefuses({ pty: true }, /pseudo-terminal/) },
    { what: 'X11 forwarding', run: sshdRefuses({ x11: true }, /X11/) },
    { what: 'agent forwarding', run: sshdRefuses({ agentForward: true }, /agent forwarding/) },
    {
      what: 'TCP forwarding to the host',
      run: async (client) => {
        const error = await opened((done) => client.forwardOut('127.0.0.1', 0, '127.0.0.1', port, done))
        if (error === undefined) throw new Possible('it was granted')
        if ((error as { readonly reason?: number }).reason === prohibited) return 'refused by sshd'
        throw new Possible(`it was tried: ${presentOutput(error.message)}`)
      },
    },
    {
      what: 'TCP forwarding from the host',
      run: (client) => {
        let bound = 0
        return globalRefused(
          (done) =>
            client.forwardIn('127.0.0.1', 0, (error, at) => {
              bound = at
              done(error)
            }),
          () => client.unforwardIn('127.0.0.1', bound),
        )
      },
    },
    {
      what: 'Unix-socket forwarding to the host',
      run: async (client) => {
        for (const path of wellKnown)
          if ((await opened((done) => client.openssh_forwardOutStreamLocal(path, done))) === undefined)
            throw new Possible(`${path} was reached`)
        return 'no socket was reached'
      },
    },
    {
      what: 'Unix-socket forwarding from the host',
      run: (client) =>
        globalRefused(
          (done) => client.openssh_forwardInStreamLocal(socket, (error) => done(error ?? undefined)),
          () => client.openssh_unforwardInStreamLocal(socket, () => undefined),
        ),
    },
  ]
}

const within = async <T>(promise: Promise<T>): Promise<T> => {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => late.reject(new SeneschalError('host.unreachable', `No answer within ${patience / 1000} s.`)),
    patience + 1000,
  )
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** A trial that could not be made proves nothing. */
const tried = async (what: string, trial: Promise<string>): Promise<Finding> => {
  try {
    return { ok: true, what, detail: await within(trial) }
  } catch (error) {
    if (error instanceof Possible) return { ok: false, what, detail: `POSSIBLE: ${error.message}` }
    return { ok: false, what, detail: presentOutput((error as Error).message) }
  }
}

/**
 * Tells each finding as it comes: first that the agent answers, then that nothing else is possible. `foreign` are verbs
 * that this key must not have, besides those of the other roles. What is refused stands in the host's record of refusals
 * afterwards. Rejects where the host cannot be reached, or lets nobody in.
 */
export const proveKey = async (
  options: SshConnectionOptions,
  key: { readonly role: AgentRole; readonly foreign?: Iterable<AgentVerb> },
  tell: (finding: Finding) => void,
): Promise<void> => {
  const connection = createSshConnection({ ...options, agentSocket: noAgent })
  const transport = createSshTransport(options)
  const foreign = new Set(key.foreign)
  const own = agentVerbs[key.role].filter((verb) => !foreign.has(verb))
  const others = new Set(Object.values(agentVerbs).flat()).difference(new Set(own))
  /** What the agent says to a verb without input: where it knows the verb, that there is none. */
  const ask = async (verb: AgentVerb): Promise<string> => {
    const channel = await transport.exec(verb)
    channel.stream.end()
    try {
      return (await readLine(createHeadReader(channel.stream), mostHeard)) ?? ''
    } finally {
      channel.kill()
    }
  }
  const answers = async (verb: AgentVerb): Promise<string> => {
    if (isRefusal(await ask(verb))) throw new Error('refused, and needed')
    return 'is there'
  }
  const refuses = async (verb: AgentVerb): Promise<string> => {
    const line = await ask(verb)
    if (isRefusal(line)) return 'refused by the agent'
    throw new Possible(`it answered: ${presentOutput(line)}`)
  }
  try {
    const client = await connection.get()
    const version = async () => `version ${(await callVersion(transport, {})).version}`
    tell(await tried('the agent answers', version()))
    for (const verb of own) tell(await tried(`the verb ${verb}`, answers(verb)))
    for (const { what, run } of trials(options.port ?? 22)) {
      // One that ends the connection says no as well, and the next is asked for anew.
      const at = connection.isLost(client) ? await connection.get() : client
      tell(await tried(what, run(at)))
    }
    for (const verb of others) tell(await tried(`the verb ${verb}`, refuses(verb)))
  } finally {
    transport.close()
    connection.close()
  }
}
