import { describe, expect, it, vi } from 'vitest';
import { coalesced } from './once';

describe('coalesced', () => {
  it('runs once now and once more for all calls meanwhile', async () => {
    let release: () => void = () => undefined;
    const work = vi.fn(() => new Promise<void>((done) => { release = done; }));
    const ask = coalesced(work);
    const first = ask();
    const later = [ask(), ask(), ask()];
    expect(work).toHaveBeenCalledTimes(1);
    release();
    await first;
    await vi.waitFor(() => expect(work).toHaveBeenCalledTimes(2));
    release();
    await Promise.all(later);
    expect(work).toHaveBeenCalledTimes(2);
  });

  it('goes on after a failure, which its own caller hears of', async () => {
    const work = vi.fn().mockRejectedValueOnce(new Error('no')).mockResolvedValue(undefined);
    const ask = coalesced(work);
    const failed = ask();
    const next = ask();
    await expect(failed).rejects.toThrow('no');
    await expect(next).resolves.toBeUndefined();
  });

  it('leaves a gap between runs', async () => {
    vi.useFakeTimers();
    const work = vi.fn(() => Promise.resolve());
    const ask = coalesced(work, 100);
    await ask();
    void ask();
    await vi.advanceTimersByTimeAsync(99);
    expect(work).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(work).toHaveBeenCalledTimes(2);
    vi.useRealTimers();
  });
});
