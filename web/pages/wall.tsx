/** The wall: everything at once, readable from afar, for weeks, without a hand on it. */
import { computed, useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { noCounts, type SummaryRow } from '../../protocol/rows.ts'
import { addCounts, bySummary, workflowSeverity } from '../model/attention.ts'
import { cycleLabel } from '../model/order.ts'
import { age } from '../model/time.ts'
import { pageOf, wallGrid } from '../model/wall-grid.ts'
import { CountBar } from '../parts/counts.tsx'
import { FlowGlyph, Glyph, Icon, Mark, stateWords } from '../parts/glyph.tsx'
import { WallRests } from '../parts/rests.tsx'
import { Shortened } from '../parts/shortened.tsx'
import { useTitle } from '../parts/title.ts'
import { pathOf } from '../routes.ts'
import { sentenceOf } from '../state/api.ts'
import { beat, slowBeat } from '../state/clock.ts'
import { viewer } from '../state/session.ts'
import {
  daemonTitle,
  daemonTroubles,
  isResting,
  isStale,
  isUnrecorded,
  silentDaemons,
  site,
  siteHeardAt,
  sitePhase,
  wasHeard,
} from '../state/site.ts'

const tiles = computed(() => [...site.read().summary.values()].sort(bySummary))
const total = computed(() => tiles.value.reduce((sum, row) => addCounts(sum, row.counts), noCounts))
const stalled = computed(() => tiles.value.filter((row) => row.state === 'stalled').length)

/** Older data than this is shown as old, ms. */
const staleAfter = 45_000
const pageTurns = 12_000

const severityNames = ['bad', 'watch', 'fine'] as const

const Big = ({ value, label, tone }: { value: number; label: string; tone: string }) => (
  <div class={`big big-${tone} ${value === 0 ? 'zero' : ''}`}>
    <span class="figure">{value}</span>
    <small>{label}</small>
  </div>
)

const utcClock = () => new Date(beat.value).toISOString().slice(11, 19)

const Head = ({ page, pages }: { readonly page: number; readonly pages: number }) => {
  const counts = total.value
  const body = viewer.value
  const old = beat.value - siteHeardAt.value
  const stale = sitePhase.value.phase !== 'live' || old > staleAfter
  return (
    <header class="wall-head">
      {body?.kiosk == null ? (
        <a class="wall-title" href={pathOf('home', {})}>
          <Mark /> {body?.site.title ?? 'Seneschal'}
        </a>
      ) : (
        <span class="wall-title">
          <Mark /> {body.site.title}
        </span>
      )}
      {body?.site.demo === true && <span class="demo">demonstration</span>}
      <div class="wall-totals" role="status" aria-label="Totals">
        <Big value={counts.failed + counts['submit-failed']} label="failed" tone="bad" />
        <Big value={stalled.value} label="stalled" tone="bad" />
        <Big value={counts.late} label="late" tone="watch" />
        <Big value={counts.retrying} label="retrying" tone="watch" />
        <Big value={counts.running} label="running" tone="run" />
      </div>
      <span class="spring" />
      {pages > 1 && (
        <span class="wall-pages figure" title={`Page ${page + 1} of ${pages}`}>
          {page + 1}/{pages}
        </span>
      )}
      <div class="wall-clock">
        <time class="figure">{utcClock()}</time>
        <small class={stale ? 'wall-age stale' : 'wall-age'} role="status" aria-label="Age of data">
          {stale ? `no data for ${age(old)}` : `UTC · data ${age(old)}`}
        </small>
      </div>
    </header>
  )
}

const mostNames = 3

const Tile = ({ row }: { readonly row: SummaryRow }) => {
  const worst = workflowSeverity(row)
  // Nobody is called for what is late because nothing may start; what failed has failed.
  const severity = worst === 1 && isResting(row.account) ? 2 : worst
  const stale = isStale(row.account)
  const failed = row.counts.failed + row.counts['submit-failed']
  const names = row.attention.slice(0, mostNames)
  return (
    <li class={`tile tile-${severityNames[severity]} ${stale ? 'stale' : ''}`} data-state={row.state}>
      <div class="tile-name">
        <span class="sr">
          {row.account}/{row.workflow} {row.state}
        </span>
        <FlowGlyph state={row.state} />
        <span class="tile-workflow" aria-hidden="true">
          <Shortened text={row.workflow} />
        </span>
        <span class="tile-account" aria-hidden="true">
          {row.account}
        </span>
      </div>
      <div class="tile-main">
        {failed > 0 && (
          <span class="tile-count state-failed">
            <Glyph state="failed" />
            <span class="figure">{failed}</span>
            <span class="sr"> failed</span>
          </span>
        )}
        {row.counts.late > 0 && (
          <span class="tile-count flag-late">
            <Icon name="late" />
            <span class="figure">{row.counts.late}</span>
            <span class="sr"> late</span>
          </span>
        )}
        <span class="tile-count state-running">
          <Glyph state="running" part={0.7} />
          <span class="figure">{row.counts.running}</span>
          <span class="sr"> running</span>
        </span>
        {row.state !== 'running' && (
          <span class={`tile-state flow-${row.state}`} aria-hidden="true">
            {row.state}
          </span>
        )}
      </div>
      <div class="tile-foot">
        {severity < 2 && names.length > 0 ? (
          <span class="tile-names">
            {names.map((item) => (
              <span key={`${item.cycle}/${item.task}`} class={`state-${item.state}`}>
                <Glyph state={item.state} /> {item.task}
                <span class="sr">
                  {' '}
                  {cycleLabel(item.cycle)} {stateWords(item.state)}
                </span>
              </span>
            ))}
          </span>
        ) : (
          <span class="tile-cycle figure">
            {row.cycles === null ? (row.meta.title ?? '') : cycleLabel(row.cycles.last)}
          </span>
        )}
        <span class="tile-age figure">
          <span class="sr">changed </span>
          {age(slowBeat.value - row.at)}
        </span>
      </div>
      <CountBar counts={row.counts} />
    </li>
  )
}

export const Wall = () => {
  useTitle('Wall')
  const box = useRef<HTMLDivElement>(null)
  const size = useSignal({ width: innerWidth, height: innerHeight * 0.86 })
  const page = useSignal(0)
  useEffect(() => {
    document.documentElement.classList.add('on-wall')
    const measure = () => {
      const at = box.current
      if (at !== null) size.value = { width: at.clientWidth, height: at.clientHeight }
    }
    measure()
    const observer = new ResizeObserver(measure)
    if (box.current !== null) observer.observe(box.current)
    const timer = setInterval(() => {
      page.value += 1
    }, pageTurns)
    return () => {
      document.documentElement.classList.remove('on-wall')
      observer.disconnect()
      clearInterval(timer)
    }
  }, [])
  const grid = wallGrid(tiles.value.length, size.value.width, size.value.height)
  const at = page.value % grid.pages
  return (
    <main class="wall">
      <Head page={at} pages={grid.pages} />
      {silentDaemons.value.map((row) => (
        <p key={row.daemon} class="wall-banner" role="alert">
          Daemon {row.daemon}{' '}
          {wasHeard(row) ? `silent for ${age(slowBeat.value - row.at)}` : 'not heard of yet'}
        </p>
      ))}
      {isUnrecorded.value && (
        <p class="wall-banner" role="alert">
          {sentenceOf('audit.unwritable')}
        </p>
      )}
      {daemonTroubles.value.map(({ daemon, code }) => (
        <p key={`${daemon} ${code}`} class="wall-banner" role="alert">
          {daemonTitle(daemon)}
          {sentenceOf(code)}
        </p>
      ))}
      <WallRests />
      <div ref={box} class="wall-box">
        {sitePhase.value.phase === 'forbidden' ? (
          <p class="wall-message" role="alert">
            This screen may not show the wall any more. An administrator can make a new kiosk for it.
          </p>
        ) : !site.loaded.value ? (
          <p class="wall-message" role="status">
            Waiting for the hub
          </p>
        ) : tiles.value.length === 0 ? (
          <p class="wall-message" role="status">
            No workflow to show
          </p>
        ) : (
          <ul
            key={at}
            class="tiles"
            aria-label="Workflows"
            style={{
              gridTemplateColumns: `repeat(${grid.columns}, minmax(0, 1fr))`,
              gridTemplateRows: `repeat(${grid.rows}, minmax(0, 1fr))`,
            }}
          >
            {pageOf(tiles.value, grid, at).map((row) => (
              <Tile key={`${row.account}/${row.workflow}`} row={row} />
            ))}
          </ul>
        )}
      </div>
    </main>
  )
}
