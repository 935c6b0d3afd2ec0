import { type Handler, refuse } from './handler.ts'

/** Only plugins that the site activated may run, and this version has none. */
export const submit: Handler<'submit'> = () => refuse('plugin.none', 'No plugin is active.')
