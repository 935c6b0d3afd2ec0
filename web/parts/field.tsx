/** A field with its label, with what helps and with what is wrong; both are read out with it. */
import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

export type FieldInput = {
  readonly id: string
  readonly 'aria-describedby': string
  readonly 'aria-invalid': boolean
}

type FieldProps = {
  readonly label: string
  readonly hint: string
  readonly problem: string | undefined
  readonly children: (input: FieldInput) => ComponentChildren
}

export const Field = ({ label, hint, problem, children }: FieldProps) => {
  const id = useId()
  const input: FieldInput = {
    id,
    'aria-describedby': `${id}-problem ${id}-hint`,
    'aria-invalid': problem !== undefined,
  }
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(input)}
      <Problem id={`${id}-problem`}>{problem}</Problem>
      <small id={`${id}-hint`}>{hint}</small>
    </div>
  )
}

/** Always there, so that what comes into it is announced. */
export const Problem = ({
  id,
  children,
}: {
  readonly id?: string
  readonly children: string | undefined
}) => (
  <span id={id} class="problem" role="status">
    {children}
  </span>
)
