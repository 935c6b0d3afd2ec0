/** Versions of permissions: who changed them when, what was different, and a way back. */
import { useSignal } from '@preact/signals'
import type { LayerBody } from '../../protocol/layers.ts'
import { lineDiff } from '../model/layers.ts'
import { Time } from './time.tsx'

type Version = LayerBody['versions'][number]

const originWords = ({ origin, person, from }: Version): string => {
  if (origin === 'file') return person === null ? 'the file' : `the file, reloaded by ${person}`
  return from === null ? (person ?? 'a request') : `${person ?? 'a request'}, version ${from} again`
}

const markWords = { '+': 'added', '-': 'taken out', ' ': '' } as const

const Difference = ({ before, after }: { readonly before: string; readonly after: string }) => (
  <pre class="layer-diff">
    {lineDiff(before, after).map(({ mark, text }, index) => (
      <code key={index} class={mark === '+' ? 'gains' : mark === '-' ? 'loses' : undefined}>
        <span aria-hidden="true">{mark} </span>
        {mark !== ' ' && <span class="sr">{markWords[mark]}: </span>}
        {`${text}\n`}
      </code>
    ))}
  </pre>
)

const Row = ({
  version,
  before,
  isInForce,
  onRestore,
}: {
  readonly version: Version
  readonly before: Version | undefined
  readonly isInForce: boolean
  readonly onRestore: (() => void) | undefined
}) => {
  const open = useSignal(false)
  const name = `version ${version.version}`
  return (
    <li>
      <div class="layer-version">
        <strong class="figure">{version.version}</strong>
        <span>{originWords(version)}</span>
        <Time at={version.at} />
        {isInForce && <span class="hint">in force</span>}
        <span class="spring" />
        <button
          type="button"
          class="button small"
          aria-expanded={open.value}
          aria-label={`What ${name} changed`}
          onClick={() => {
            open.value = !open.value
          }}
        >
          Changes
        </button>
        {!isInForce && onRestore !== undefined && (
          <button type="button" class="button small" aria-label={`Bring ${name} back`} onClick={onRestore}>
            Bring back
          </button>
        )}
      </div>
      {open.value && <Difference before={before?.text ?? ''} after={version.text ?? ''} />}
    </li>
  )
}

export const LayerHistory = ({
  body,
  onRestore,
}: {
  readonly body: LayerBody
  /** undefined: whoever looks may not change it. */
  readonly onRestore: ((version: Version) => void) | undefined
}) => (
  <section class="layer-history" aria-labelledby="layer-history">
    <h2 id="layer-history">Versions</h2>
    {body.versions.length === 0 && <p class="hint">There never were rules of its own here.</p>}
    <ol>
      {body.versions.map((version, index) => (
        <Row
          key={version.version}
          version={version}
          before={body.versions[index + 1]}
          isInForce={index === 0}
          onRestore={onRestore === undefined ? undefined : () => onRestore(version)}
        />
      ))}
    </ol>
  </section>
)
