import { describe, expect, it } from 'vitest';
import type { MessageRow } from './bindings';
import { keepPlace, layOut, lineAt, lineOf, visible } from './virtual';

const noon = new Date(2026, 2, 4, 12).getTime();
const hour = 3_600_000;

/** Rows with falling ids, one an hour, the newest at noon. */
function rows(count: number, newest = count): MessageRow[] {
  return Array.from({ length: count }, (_, i): MessageRow => ({
    id: newest - i, feed: 'f', feed_name: 'F', kind: { kind: 'event' }, event: '', title: '', excerpt: '', count: 1, actors: [], others: 0, done: false, urgency: 'normal',
    received: noon - i * hour, unread: false, pinned: false, silenced: null,
  }));
}

describe('layOut', () => {
  it('puts a heading above each local day', () => {
    const { lines, height } = layOut(rows(30));
    expect(lines.map((line) => line.kind).filter((kind) => kind === 'day')).toHaveLength(2);
    expect(lines[0]!.kind).toBe('day');
    // Noon back to midnight, both included: 13 rows, then the day before.
    expect(lines[14]!.kind).toBe('day');
    expect(height).toBe(30 * 56 + 2 * 32);
  });

  it('gives every line a key of its own, even if the clock went back', () => {
    const odd = rows(6).map((row, i) => ({ ...row, received: i % 2 === 0 ? noon : noon - 24 * hour }));
    const keys = layOut(odd).lines.map((line) => line.key);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('visible', () => {
  it('draws a few dozen of 100,000 lines, wherever the list stands', () => {
    const layout = layOut(rows(100_000));
    for (const top of [0, 1_000_000, layout.height - 700]) {
      const [first, end] = visible(layout, top, 700, 8);
      expect(end - first).toBeLessThan(40);
      expect(layout.offsets[first]!).toBeLessThanOrEqual(top);
      expect(layout.offsets[end]!).toBeGreaterThanOrEqual(Math.min(top + 700, layout.height));
    }
  });

  it('shows nothing of an empty list', () => {
    expect(visible(layOut([]), 0, 700, 8)).toEqual([0, 0]);
  });
});

describe('lineOf', () => {
  it('finds every row and no other', () => {
    const layout = layOut(rows(200));
    for (let id = 1; id <= 200; id += 1) {
      const line = layout.lines[lineOf(layout, id)]!;
      expect(line.kind === 'row' && line.row.id).toBe(id);
    }
    expect(lineOf(layout, 0)).toBe(-1);
    expect(lineOf(layout, 201)).toBe(-1);
  });
});

describe('keepPlace', () => {
  const at = (id: number, layout: ReturnType<typeof layOut>, top: number): number => layout.offsets[lineOf(layout, id)]! - top;

  it('leaves the row being read where it is when rows arrive above', () => {
    const before = layOut(rows(100));
    const after = layOut([...rows(7, 107), ...rows(100)]);
    for (const top of [0, 500, 3000]) {
      const reading = before.lines[lineAt(before, top + 200)]!;
      const id = reading.kind === 'row' ? reading.row.id : 100;
      const next = keepPlace(before, after, top, 700, id);
      expect(at(id, after, next)).toBe(at(id, before, top));
    }
  });

  it('holds on to the next row in view if the first one was deleted', () => {
    const all = rows(100);
    const before = layOut(all);
    const top = before.offsets[lineOf(before, 60)]!;
    const after = layOut(all.filter((row) => row.id !== 60));
    expect(at(59, after, keepPlace(before, after, top, 700, null))).toBe(56);
  });
});
