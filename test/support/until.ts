/** Waits until `test` holds, looking every few milliseconds; fails with `what` after `timeoutMs`. */
export async function until(what: string, test: () => boolean, timeoutMs = 5_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!test()) {
    if (performance.now() > end) throw new Error(`it never came to pass: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
