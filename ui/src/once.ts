/**
 * Makes a function of `work` that may be called as often as news comes in: one run at a
 * time, and at most one more waiting, however many calls were made. The promise settles
 * with the first run that started after the call. `gap` is the least time in milliseconds
 * between the end of a run and the start of the next.
 */
export function coalesced(work: () => Promise<void>, gap = 0): () => Promise<void> {
  let running: Promise<void> | null = null;
  let pending: Promise<void> | null = null;

  const start = (): Promise<void> => {
    const run = work();
    running = run
      .catch(() => undefined)
      .then(() => (gap > 0 ? new Promise((done) => setTimeout(done, gap)) : undefined))
      .then(() => { running = null; });
    return run;
  };

  return () => {
    if (running === null) return start();
    pending ??= running.then(() => {
      pending = null;
      return start();
    });
    return pending;
  };
}
