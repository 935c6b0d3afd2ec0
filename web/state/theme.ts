/** Dark, light, or as the system has it; remembered in this browser. */
import { signal } from '@preact/signals'

export type Theme = 'system' | 'light' | 'dark'
const key = 'seneschal.theme'

const stored = (): Theme => {
  const value = localStorage.getItem(key)
  return value === 'light' || value === 'dark' ? value : 'system'
}

export const theme = signal<Theme>('system')

const show = (value: Theme) => {
  theme.value = value
  if (value === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = value
}

export const startTheme = () => show(stored())

const next: Readonly<Record<Theme, Theme>> = { system: 'light', light: 'dark', dark: 'system' }

export const cycleTheme = () => {
  const value = next[theme.peek()]
  if (value === 'system') localStorage.removeItem(key)
  else localStorage.setItem(key, value)
  show(value)
}
