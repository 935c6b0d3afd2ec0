/** Every action's handler. A new action without one does not compile. */
import type { ActionName } from '../../protocol/actions/registry.ts'
import { edit } from './edit.ts'
import type { Handler } from './handler.ts'
import { hold } from './hold.ts'
import { kill } from './kill.ts'
import { pause } from './pause.ts'
import { permissions } from './permissions.ts'
import { play } from './play.ts'
import { poll } from './poll.ts'
import { release } from './release.ts'
import { reload } from './reload.ts'
import { remove } from './remove.ts'
import { resume } from './resume.ts'
import { set } from './set.ts'
import { start } from './start.ts'
import { stop } from './stop.ts'
import { submit } from './submit.ts'
import { trigger } from './trigger.ts'

export const handlers: { readonly [Name in ActionName]: Handler<Name> } = {
  play,
  pause,
  resume,
  reload,
  stop,
  start,
  hold,
  release,
  trigger,
  kill,
  poll,
  set,
  remove,
  edit,
  submit,
  permissions,
}
