/** `seneschal agent`: the forced command of the hub's and the daemon's keys. */
import { SeneschalError } from '../../protocol/errors.ts'
import { type Command, text } from '../command.ts'

export const agentCommand: Command = {
  name: 'agent',
  serves: true,
  summary: 'Answer the hub or the daemon as this account (the forced command of an SSH key).',
  usage: '--role hub|daemon|feed [--site DIR] [--slurm DIR]',
  help: `Stands in authorized_keys: restrict,command="/opt/seneschal/bin/seneschal agent --role hub" KEY. The verb comes
    in SSH_ORIGINAL_COMMAND and is matched exactly; no shell ever sees it. A key of the role hub reaches the
    account's UI server and nothing else, with --slurm also as a job of that cluster; a key of the role daemon reaches its job supervisor and nothing else. A key of the role feed stands on the
    daemon's host, for a hub that mounts nothing of it, and reads the site feed below --site and nothing else.`,
  options: {
    role: { type: 'string', value: 'hub|daemon|feed', help: 'whose key this is' },
    site: { type: 'string', value: 'DIR', help: 'the site directory whose feed the role feed may read' },
    slurm: {
      type: 'string',
      value: 'DIR',
      help: 'lets the role hub submit to Slurm, whose sbatch, squeue and scancel are there',
    },
  },
  run: async (input) => {
    const role = text(input, 'role')
    const site = text(input, 'site')
    if (role !== 'hub' && role !== 'daemon' && role !== 'feed')
      throw new SeneschalError('usage', 'Say --role hub, --role daemon or --role feed.')
    if ((role === 'feed') !== (site !== undefined) || site?.startsWith('/') === false)
      throw new SeneschalError('usage', 'The role feed, and no other, needs --site with an absolute path.')
    const slurm = text(input, 'slurm')
    if (slurm !== undefined && (role !== 'hub' || !slurm.startsWith('/')))
      throw new SeneschalError('usage', 'The role hub, and no other, may have --slurm with an absolute path.')
    const { runAgent } = await import('../../uiserver/agent/run-agent.ts')
    const code = await runAgent({
      role,
      site,
      slurm,
      originalCommand: process.env.SSH_ORIGINAL_COMMAND,
      stdin: process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
      env: process.env,
      entry: process.argv[1] ?? '',
    })
    // Everything is written; an open connection must not keep the process.
    process.exit(code)
  },
}
