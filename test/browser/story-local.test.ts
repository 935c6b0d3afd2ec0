import { userInfo } from 'node:os'
import { test } from 'node:test'
import { hasBrowser } from '../harness/browser.ts'
import { tellTheStory } from './story.ts'

test(
  'jacintar lives the story on the demonstration of one user',
  { skip: hasBrowser ? false : 'no Chromium on this machine' },
  (t) => tellTheStory(t, { ssh: false }, userInfo().username),
)
