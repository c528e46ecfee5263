import { describe, expect, it, vi } from 'vitest';
import type { MessagePage, MessageQuery, MessageRow } from './bindings';
import { EVERYTHING, PAGE, Pages, type Filter } from './pages';

const ALL: Filter = EVERYTHING;

function row(id: number, more: Partial<MessageRow> = {}): MessageRow {
  return {
    id, feed: 'f', feed_name: 'F', kind: { kind: 'event' }, event: 'like', title: `m${id}`, excerpt: '', count: 1, actors: [], others: 0, done: false, urgency: 'normal',
    received: id * 1000, unread: true, pinned: false, silenced: null, ...more,
  };
}

/** An inbox of rows count..1 that answers as the notifier does. */
function inbox(count: number) {
  let rows = Array.from({ length: count }, (_, i) => row(count - i));
  const asked: MessageQuery[] = [];
  let open = 0;
  let most = 0;
  const fetch = async (query: MessageQuery): Promise<MessagePage> => {
    asked.push(query);
    open += 1;
    most = Math.max(most, open);
    await Promise.resolve();
    open -= 1;
    const matching = rows.filter((each) => (!query.unread || each.unread) && each.title.includes(query.search));
    const below = matching.filter((each) => query.before === null || each.id < query.before);
    return { rows: below.slice(0, query.limit), total: matching.length, at_least: false };
  };
  return {
    asked, fetch,
    get most() { return most; },
    get ids() { return rows.map((each) => each.id); },
    add(n: number) { const newest = rows[0]?.id ?? 0; rows = [...Array.from({ length: n }, (_, i) => row(newest + n - i)), ...rows]; },
    change(change: (rows: MessageRow[]) => MessageRow[]) { rows = change(rows); },
  };
}

const ids = (pages: Pages): number[] => pages.rows.map((each) => each.id);

describe('Pages', () => {
  it('loads page after page as they come into view, and ends with the oldest row', async () => {
    const box = inbox(PAGE * 2 + 10);
    const pages = new Pages(box.fetch, () => undefined);
    await pages.open(ALL);
    expect(ids(pages)).toEqual(box.ids.slice(0, PAGE));
    await pages.see(0, 10);
    expect(box.asked).toHaveLength(1);
    await pages.see(PAGE - 10, PAGE);
    expect(ids(pages)).toEqual(box.ids.slice(0, PAGE * 2));
    expect(pages.complete).toBe(false);
    await pages.see(PAGE * 2 - 10, PAGE * 2);
    expect(ids(pages)).toEqual(box.ids);
    expect(pages.complete).toBe(true);
    expect(box.asked.map((query) => query.before)).toEqual([null, box.ids[PAGE - 1], box.ids[PAGE * 2 - 1]]);
  });

  it('has one request under way at a time, however often it is refreshed', async () => {
    const box = inbox(500);
    const pages = new Pages(box.fetch, () => undefined);
    void pages.open(ALL);
    for (let i = 0; i < 20; i += 1) void pages.refresh();
    await pages.refresh();
    expect(box.most).toBe(1);
    expect(box.asked.length).toBeLessThanOrEqual(3);
  });

  it('refreshes the top and what is in view, and the rest when it comes into view', async () => {
    const box = inbox(1000);
    const pages = new Pages(box.fetch, () => undefined);
    await pages.open(ALL);
    for (let end = PAGE; end <= 1000; end += PAGE) await pages.see(end - 10, end);
    expect(pages.rows).toHaveLength(1000);
    box.change((rows) => rows.map((each) => ({ ...each, unread: false })));
    box.asked.length = 0;
    await pages.see(700, 710);
    await pages.refresh();
    expect(box.asked.map((query) => query.before)).toEqual([null, pages.rows[700]!.id + 1]);
    expect(pages.rows[705]!.unread).toBe(false);
    expect(pages.rows[400]!.unread).toBe(true);
    await pages.see(400, 410);
    expect(pages.rows[405]!.unread).toBe(false);
    expect(ids(pages)).toEqual(box.ids);
  });

  it('drops deleted rows and brings restored ones back in their place', async () => {
    const box = inbox(50);
    const pages = new Pages(box.fetch, () => undefined);
    await pages.open(ALL);
    box.change((rows) => rows.filter((each) => each.id !== 20));
    await pages.refresh();
    expect(ids(pages)).not.toContain(20);
    box.change((rows) => [...rows, row(20)].sort((a, b) => b.id - a.id));
    await pages.refresh();
    expect(ids(pages)).toEqual(box.ids);
  });

  it('joins a burst that is longer than a page to the rows before it, without a hole', async () => {
    const box = inbox(400);
    const pages = new Pages(box.fetch, () => undefined);
    await pages.open(ALL);
    await pages.see(150, 160);
    box.add(1500);
    await pages.refresh();
    expect(ids(pages)).toEqual(box.ids.slice(0, pages.rows.length));
    expect(pages.rows.length).toBeGreaterThan(1500);
  });

  it('starts over at the top when a flood is too long to join, still without a hole', async () => {
    const box = inbox(400);
    const pages = new Pages(box.fetch, () => undefined);
    await pages.open(ALL);
    await pages.see(150, 160);
    box.add(20_000);
    await pages.refresh();
    expect(ids(pages)).toEqual(box.ids.slice(0, pages.rows.length));
  });

  it('keeps the row being read in a list that it no longer matches, until the next row is read', async () => {
    const box = inbox(5);
    const pages = new Pages(box.fetch, () => undefined);
    await pages.open({ ...ALL, unread: true });
    pages.keep = 3;
    box.change((rows) => rows.map((each) => (each.id === 3 ? { ...each, unread: false } : each)));
    await pages.refresh();
    expect(ids(pages)).toEqual([5, 4, 3, 2, 1]);
    pages.keep = 2;
    await pages.refresh();
    expect(ids(pages)).toEqual([5, 4, 2, 1]);
  });

  it('ignores the answer to a list that is no longer shown', async () => {
    const box = inbox(300);
    const pages = new Pages(box.fetch, () => undefined);
    const first = pages.open(ALL);
    void pages.open({ ...ALL, search: 'm29' });
    await first;
    expect(ids(pages)).toEqual([299, 298, 297, 296, 295, 294, 293, 292, 291, 290, 29]);
  });

  it('does not ask again and again after a failure, but with the next refresh', async () => {
    const box = inbox(5);
    const fetch = vi.fn(box.fetch).mockRejectedValueOnce(new Error('closed'));
    const pages = new Pages(fetch, () => undefined);
    await expect(pages.open(ALL)).rejects.toThrow('closed');
    expect(fetch).toHaveBeenCalledTimes(1);
    await pages.refresh();
    expect(ids(pages)).toEqual(box.ids);
  });

  it('loses no list that is asked for as a run ends', async () => {
    // Whatever is in flight: after each number of turns of the queue another list is opened.
    for (let turns = 0; turns < 16; turns += 1) {
      const box = inbox(30);
      const pages = new Pages(box.fetch, () => undefined);
      const first = pages.open(ALL);
      for (let i = 0; i < turns; i += 1) await Promise.resolve();
      await pages.open({ ...ALL, search: 'm30' });
      await first;
      expect(ids(pages), `after ${turns} turns`).toEqual([30]);
    }
  });
});
