import type { Handler } from './handler.ts'

/** Only plugins that the site activated may run; the plugin's own rule is asked in its turn, and what it plans goes on. */
export const submit: Handler<'submit'> = (request, _args, desk) => desk.beginRun(request)
