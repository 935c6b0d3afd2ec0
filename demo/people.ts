/** Who can sign in to the demonstration. Passwords equal the names: this is never for anything real. */
import type { DemoPerson } from './provider.ts'

export const people: readonly DemoPerson[] = [
  { name: 'jacintar', title: 'Jacinta Rivera', groups: ['ops'], note: 'may read and execute, not write' },
  { name: 'mel', title: 'Mel Okafor', groups: [], note: 'may only read' },
  {
    name: 'admin',
    title: 'Site administrator',
    groups: ['site-admins'],
    note: 'administers kiosks and servers',
  },
]

export const accounts = ['atmosphere_stage', 'oceans_stage'] as const
