import { test } from 'node:test'
import { sshdProgram } from '../../demo/sshd-program.ts'
import { hasBrowser } from '../harness/browser.ts'
import { tellTheStory } from './story.ts'

const missing = !hasBrowser
  ? 'no Chromium on this machine'
  : process.getuid?.() !== 0
    ? 'needs root for Unix accounts'
    : sshdProgram() === undefined
      ? 'no sshd on this machine'
      : false

test('jacintar lives the story with real Unix accounts over a real sshd', { skip: missing }, (t) =>
  tellTheStory(t, { ssh: true }, 'atmosphere_stage'),
)
