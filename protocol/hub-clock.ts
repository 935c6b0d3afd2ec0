/**
 * The hub's clock, as this server counts it. Assertions live for a minute: on a host whose clock is wrong they would
 * all be too old, or come from the future.
 */

/** Within this the host's own clock does, which somebody sets right; what a hub's word took on its way looks like this, ms. */
const within = 2000

/** `ahead`: by how much the hub's clock was ahead when it started this server, ms. */
export const hubClock = (
  ahead: number,
  local: { readonly now: () => number; readonly monotonic: () => number },
): (() => number) => {
  if (Math.abs(ahead) <= within) return local.now
  // By one that nobody sets: once the host's is set right, the difference would be wrong.
  const base = local.now() + ahead - local.monotonic()
  return () => base + local.monotonic()
}

/** For people who read logs and wait for a start; undefined where nothing is to be said. */
export const clockTrouble = (ahead: number): string | undefined => {
  if (Math.abs(ahead) <= within) return undefined
  const by = `${(Math.abs(ahead) / 1000).toFixed(0)} s ${ahead > 0 ? 'behind' : 'ahead of'}`
  return `The clock of this host is ${by} the hub’s; the server goes by the hub’s.`
}
