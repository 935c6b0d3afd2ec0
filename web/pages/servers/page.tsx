/** Servers: which accounts have one, where, and the hosts they run on. For administrators. */
import { hostsBody, serversBody } from '../../../protocol/fleet.ts'
import { counted } from '../../model/units.ts'
import { Refused } from '../../parts/refused.tsx'
import { Blank } from '../../parts/states.tsx'
import { useTitle } from '../../parts/title.ts'
import { useAnswer } from '../../state/answer.ts'
import { elevation, viewer } from '../../state/session.ts'
import { Missing } from '../missing.tsx'
import { HostList } from './hosts.tsx'
import { ServerList } from './list.tsx'

/** ms. Hosts are measured less often than that anyway. */
const serversEvery = 3_000
const hostsEvery = 5_000

export const ServersPage = () => (viewer.value?.roles.includes('admin') === true ? <Fleet /> : <Missing />)

const Fleet = () => {
  useTitle('Servers')
  const on = [elevation.value?.class]
  const servers = useAnswer('/api/admin/servers', serversBody, on, serversEvery)
  const hosts = useAnswer('/api/admin/hosts', hostsBody, on, hostsEvery)
  const queue = servers.body.value?.queue
  const failed = servers.failed.value ?? hosts.failed.value
  return (
    <div class="page servers">
      <header class="page-head">
        <h1>Servers</h1>
        <span class="hint">One for each account that somebody looks at, and the hosts they run on.</span>
        <span class="spring" />
        {queue !== undefined && queue.starting + queue.waiting > 0 && (
          <span class="hint" role="status">
            {counted(queue.starting, 'start')} under way
            {queue.waiting > 0 &&
              `, ${queue.waiting} waiting for ${queue.waiting === 1 ? 'its' : 'their'} turn`}
          </span>
        )}
      </header>
      <Refused error={failed} />
      {failed === undefined && (servers.body.value === undefined || hosts.body.value === undefined) && (
        <Blank title="Loading servers" busy />
      )}
      {servers.body.value !== undefined && <ServerList body={servers.body.value} asked={servers} />}
      {hosts.body.value !== undefined && <HostList body={hosts.body.value} asked={hosts} />}
    </div>
  )
}
