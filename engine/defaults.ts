/** What a definition need not say. */

/** The queue of tasks that name none; it is always there. */
export const DEFAULT_QUEUE = 'default'
export const DEFAULT_RUNNER = 'background'
/** Cycles that may be active at once. */
export const DEFAULT_RUNAHEAD = 5
