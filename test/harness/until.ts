/** Waits for something to become true, and fails by itself when it does not in time. */
export const until = async (holds: () => boolean | Promise<boolean>, withinMs = 5000): Promise<void> => {
  const end = performance.now() + withinMs
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${holds}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
