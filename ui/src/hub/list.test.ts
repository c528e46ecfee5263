import { describe, expect, it } from 'vitest';
import { List, MOST_CHARACTERS, MOST_ROWS, type Row } from './list';

function row(seq: number, more: Partial<Row> = {}): Row {
  return { key: `7f.${seq}`, kind: 'event', id: `7f.${seq}`, event: 'like', data: '', at: 0, to: null, ...more };
}
const ids = (list: List): string[] => list.rows.map(({ id }) => id);

describe('the list', () => {
  it('holds every event once, in the order of the log', () => {
    const list = new List();
    expect(list.add([row(3), row(4)]).length).toBe(2);
    expect(list.before([row(1), row(2), row(3)]).map(({ id }) => id)).toEqual(['7f.1', '7f.2']);
    expect(list.add([row(4), row(5)]).map(({ id }) => id)).toEqual(['7f.5']);
    expect(ids(list)).toEqual(['7f.1', '7f.2', '7f.3', '7f.4', '7f.5']);
  });

  it('has a gap beside the event of the same id', () => {
    const list = new List();
    list.add([row(1), row(1, { key: 'gap 7f.1', kind: 'gap' }), row(1, { key: 'gap 7f.1', kind: 'gap' })]);
    expect(list.rows.map(({ kind }) => kind)).toEqual(['event', 'gap']);
  });

  it('keeps the newest, by number and by size', () => {
    const list = new List();
    for (let i = 1; i <= MOST_ROWS + 10; i += 1) list.add([row(i)]);
    expect(list.rows.length).toBe(MOST_ROWS);
    expect(list.rows[0]!.id).toBe('7f.11');
    const big = new List();
    for (let i = 1; i <= 40; i += 1) big.add([row(i, { data: 'x'.repeat(1 << 20) })]);
    const size = big.rows.reduce((sum, { data }) => sum + data.length, 0);
    expect(size).toBeLessThanOrEqual(MOST_CHARACTERS);
    expect(big.rows.length).toBeGreaterThan(10);
    expect(big.rows.at(-1)!.id).toBe('7f.40');
    // One event alone is shown however large it is.
    const one = new List();
    one.add([row(1, { data: 'x'.repeat(MOST_CHARACTERS + 1) })]);
    expect(one.rows.length).toBe(1);
  });
});
