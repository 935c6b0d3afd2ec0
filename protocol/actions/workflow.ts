/** Actions on a workflow as a whole. */
import { z } from 'zod/mini'
import { defineAction } from './define.ts'

const none = z.strictObject({})

export const workflowPlay = defineAction({
  name: 'play',
  on: ['workflow'],
  sentence: 'played',
  label: 'Play',
  effect: 'The workflow starts, or goes on where it was stopped.',
  args: none,
  audit: {},
})

export const workflowPause = defineAction({
  name: 'pause',
  on: ['workflow'],
  sentence: 'paused',
  label: 'Pause',
  effect: 'No new job starts; running jobs go on.',
  args: none,
  audit: {},
})

export const workflowResume = defineAction({
  name: 'resume',
  on: ['workflow'],
  sentence: 'resumed',
  label: 'Resume',
  effect: 'Jobs start again.',
  args: none,
  audit: {},
})

export const workflowReload = defineAction({
  name: 'reload',
  on: ['workflow'],
  sentence: 'reloaded',
  label: 'Reload definition',
  effect: 'The definition is read again; running jobs go on, coming ones follow the new one.',
  args: none,
  audit: {},
})
