/**
 * For long loops on the main thread: a pause whenever one has run for a while, so that windows are answered and Ctrl-C
 * is heard. `const pause = pace(); for (...) { work(); await pause(); }`
 */
export function pace(mostMs = 15): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < mostMs) return;
    await new Promise((resolve) => setImmediate(resolve));
    since = performance.now();
  };
}
