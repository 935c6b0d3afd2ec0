/** `seneschal demo`: a whole demonstration site on this machine. */
import { resolve } from 'node:path'
import { SeneschalError } from '../../protocol/errors.ts'
import { type Command, text } from '../command.ts'

export const demoCommand: Command = {
  name: 'demo',
  serves: true,
  summary: 'Run a demonstration site on loopback: provider, hub, daemon and four workflows.',
  usage: '[--port PORT] [--dir DIR] [--fresh] [--ssh [--clean]]',
  help: `Without --ssh everything runs as you, in one directory. With --ssh (root on Debian) there are real Unix
    accounts, an sshd of its own on loopback, a service account for the daemon and another for the hub; it says what
    it creates, and --ssh --clean removes all of it. Ctrl-C ends everything that was started.`,
  options: {
    port: {
      type: 'string',
      value: 'PORT',
      help: 'port of the hub (default 8000); the identity provider takes the next',
    },
    dir: {
      type: 'string',
      value: 'DIR',
      help: 'where the site lives (default .demo, with --ssh /var/lib/seneschal-demo)',
    },
    fresh: { type: 'boolean', help: 'throw away what an earlier run left' },
    ssh: { type: 'boolean', help: 'real Unix accounts over a loopback sshd (needs root)' },
    clean: { type: 'boolean', help: 'with --ssh: remove everything that it created, and end' },
    elevation: { type: 'string', value: 'DURATION', help: 'how long raised privileges last (default PT15M)' },
  },
  run: async (input) => {
    const port = Number(text(input, 'port') ?? '8000')
    if (!Number.isInteger(port) || port < 1 || port > 65534)
      throw new SeneschalError('usage', '--port is 1 to 65534.')
    const ssh = input.values.ssh === true
    if (input.values.clean === true && !ssh)
      throw new SeneschalError('usage', '--clean goes with --ssh; without it, use --fresh.')
    const dir = resolve(text(input, 'dir') ?? (ssh ? '/var/lib/seneschal-demo' : '.demo'))
    const { runDemo } = await import('../../demo/run.ts')
    return await runDemo({
      port,
      dir,
      ssh,
      fresh: input.values.fresh === true,
      clean: input.values.clean === true,
      elevation: text(input, 'elevation') ?? 'PT15M',
    })
  },
}
