import { Icon } from './glyph.tsx'

type Props = {
  readonly label: string
  readonly value: string
  readonly onChange: (text: string | null) => void
}

export const SearchField = ({ label, value, onChange }: Props) => (
  <label class="search">
    <Icon name="search" />
    <input
      type="search"
      aria-label={label}
      placeholder={label}
      value={value}
      spellcheck={false}
      autocomplete="off"
      onInput={(event) => onChange(event.currentTarget.value === '' ? null : event.currentTarget.value)}
    />
  </label>
)
