/** A daemon at work killed a thousand times: what was lost, done twice, or seen half written. */
import { killDaemonAtWork, presentKills } from '../../test/harness/kill-daemon.ts'
import { createChance, seedOf } from '../../test/harness/kill-random.ts'
import { judged, type Row } from '../report/row.ts'
import { farProgram, siteProgram } from '../site.ts'

export const kills: Row = {
  name: 'kills',
  title: 'the daemon killed at random moments under load: nothing lost, nothing twice, nothing torn',
  run: async (bench) => {
    const seed = seedOf(process.env)
    const counts = await killDaemonAtWork(
      { after: (end) => bench.defer(end as () => unknown) },
      {
        kills: bench.quick ? 20 : 1000,
        chance: createChance(seed),
        program: siteProgram,
        agent: farProgram,
        say: bench.say,
      },
    )
    const count = (what: string, value: number) => ({
      what,
      who: 'daemon',
      unit: '' as const,
      rounds: [value],
    })
    const none = (what: string, value: number) => judged(count(what, value), '0', (found) => found === 0)
    return {
      figures: [
        count('kills', counts.kills),
        count('of them while it started', counts.whileStarting),
        count('requests put in meanwhile', counts.requests),
        count('jobs run meanwhile', counts.jobs),
        count('published files read meanwhile', counts.reads),
        none('lost', counts.lost),
        none('doubled', counts.doubled),
        none('torn', counts.torn),
      ],
      notes: [presentKills(counts), `SENESCHAL_KILL_SEED=${seed} repeats it`, ...counts.faults],
    }
  },
}
