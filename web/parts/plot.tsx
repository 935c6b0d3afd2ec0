/** Curves over time, drawn when they are looked at: a page of many hosts draws those on the screen. */
import { useEffect, useRef } from 'preact/hooks'
import UPlot from 'uplot'
import { alone, type Curve, topOf } from '../model/curves.ts'
import { theme } from '../state/theme.ts'

export type PlotCurve = {
  readonly label: string
  readonly values: Curve
  /** A custom property with its colour. */
  readonly colour: `--${string}`
  readonly dashed?: boolean
}

type Props = {
  /** All that it shows, for those who do not see it. */
  readonly label: string
  /** s since the epoch, ascending. */
  readonly times: readonly number[]
  readonly curves: readonly PlotCurve[]
  readonly format: (value: number) => string
  /** px. */
  readonly height?: number
}

const optionsOf = ({ curves, format, height = 120 }: Props, element: HTMLElement): UPlot.Options => {
  const style = getComputedStyle(element)
  const colourOf = (name: string) => {
    // A canvas knows no light-dark(): the element's own colour is what the browser made of it.
    element.style.color = `var(${name})`
    const { color } = getComputedStyle(element)
    element.style.color = ''
    return color
  }
  const [line, muted] = [colourOf('--line'), colourOf('--muted')]
  const font = `11px ${style.fontFamily}`
  const axis = { stroke: muted, font, grid: { stroke: line, width: 1 }, ticks: { show: false } }
  return {
    width: Math.max(1, element.clientWidth),
    height,
    // Hours and minutes in the viewer's zone, as elsewhere on the pages.
    fmtDate: () => (date) =>
      `${String(date.getHours()).padStart(2, '0')}:${String(date.getMinutes()).padStart(2, '0')}`,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 8, 0, 0],
    scales: { y: { range: () => [0, topOf(...curves.map(({ values }) => values))] } },
    axes: [
      { ...axis, space: 72, size: 24 },
      { ...axis, space: 32, size: 48, values: (_, values) => values.map((value) => format(value)) },
    ],
    series: [
      {},
      ...curves.map(({ label, colour, dashed }) => ({
        label,
        stroke: colourOf(colour),
        width: 1.5,
        points: {
          show: true,
          size: 4,
          filter: (_: UPlot, index: number) => alone(curves[index - 1]?.values ?? []),
        },
        spanGaps: false,
        ...(dashed === true ? { dash: [4, 3] } : {}),
      })),
    ],
  }
}

const dataOf = ({ times, curves }: Props): UPlot.AlignedData => [
  [...times],
  ...curves.map(({ values }) => [...values]),
]

export const Plot = (props: Props) => {
  const frame = useRef<HTMLDivElement>(null)
  const latest = useRef(props)
  latest.current = props
  const drawn = useRef<UPlot | undefined>(undefined)
  useEffect(() => {
    const element = frame.current
    if (element === null) return
    const draw = () => {
      drawn.current ??= new UPlot(optionsOf(latest.current, element), dataOf(latest.current), element)
    }
    const wipe = () => {
      drawn.current?.destroy()
      drawn.current = undefined
    }
    const looking = new IntersectionObserver((entries) => {
      if (entries.at(-1)?.isIntersecting === true) draw()
      else wipe()
    })
    const sizing = new ResizeObserver(() => {
      const plot = drawn.current
      if (plot !== undefined && element.clientWidth > 0)
        plot.setSize({ width: element.clientWidth, height: plot.height })
    })
    const system = matchMedia('(prefers-color-scheme: dark)')
    // Colours are taken when it is drawn.
    const again = () => {
      if (drawn.current === undefined) return
      wipe()
      draw()
    }
    looking.observe(element)
    sizing.observe(element)
    system.addEventListener('change', again)
    again()
    return () => {
      looking.disconnect()
      sizing.disconnect()
      system.removeEventListener('change', again)
      wipe()
    }
  }, [theme.value])
  useEffect(() => {
    drawn.current?.setData(dataOf(props))
  }, [props.times, props.curves])
  return <div ref={frame} class="plot" role="img" aria-label={props.label} />
}
