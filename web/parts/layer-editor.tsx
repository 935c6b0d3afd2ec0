/** A text of permissions with its lines numbered; what is wrong stands below, and leads to its place. */
import { useRef } from 'preact/hooks'
import { layerMaxLength } from '../../protocol/layers.ts'
import { type LayerProblem, offsetOf } from '../model/layers.ts'

type Props = {
  readonly label: string
  readonly text: string
  readonly readOnly: boolean
  readonly problems: readonly LayerProblem[]
  readonly onInput: (text: string) => void
}

const leastLines = 8

export const LayerEditor = ({ label, text, readOnly, problems, onInput }: Props) => {
  const field = useRef<HTMLTextAreaElement>(null)
  const lines = Math.max(leastLines, text.split('\n').length)
  const wrong = new Set(problems.map(({ line }) => line))
  const goTo = (problem: LayerProblem) => {
    const at = offsetOf(text, problem)
    field.current?.focus()
    field.current?.setSelectionRange(at, at)
  }
  return (
    <div class="layer-editor">
      <div class="layer-text">
        <ol class="layer-lines" aria-hidden="true">
          {Array.from({ length: lines }, (_, index) => (
            <li key={index} class={wrong.has(index + 1) ? 'wrong' : undefined}>
              {index + 1}
            </li>
          ))}
        </ol>
        <textarea
          ref={field}
          aria-label={label}
          aria-invalid={problems.length > 0}
          aria-describedby="layer-problems"
          rows={lines}
          wrap="off"
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
          maxLength={layerMaxLength}
          readOnly={readOnly}
          value={text}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      </div>
      <ul id="layer-problems" class="layer-problems" role="status">
        {problems.map((problem) => (
          <li key={`${problem.line}:${problem.column}:${problem.text}`}>
            <button type="button" class="link" onClick={() => goTo(problem)}>
              Line {problem.line}, column {problem.column}
            </button>
            : {problem.text}
          </li>
        ))}
      </ul>
    </div>
  )
}
