import { describe, expect, it } from 'vitest';
import { NO_FILTERS, parsePlace, type Place } from './place';

const PLACE: Place = {
  page: ['inbox', ''], view: { kind: 'feed', id: 'door' }, filters: { unread: true, done: false, feeds: [], events: ['door'], urgency: 'high' },
  search: 'key', selected: 7, opened: true, anchor: { id: 9, offset: 12, seen: 40 }, trayless: true,
};

describe('parsePlace', () => {
  it('reads what was kept', () => {
    expect(parsePlace(JSON.stringify(PLACE))).toEqual(PLACE);
  });

  it.each([null, '', 'null', '[]x', '7', `"${'x'.repeat(30_000)}"`, `{"search":"${'x'.repeat(30_000)}"}`])('takes %.20s for none', (text) => {
    expect(parsePlace(text)).toBeNull();
  });

  it('takes what it does not know for what is usual', () => {
    const odd = { page: [7], view: { kind: 'feed' }, filters: { unread: 1, feeds: [7, 'a'], urgency: 'dire' }, search: 4, selected: 1.5, anchor: { id: 'x' } };
    expect(parsePlace(JSON.stringify(odd))).toEqual({
      page: ['inbox', ''], view: { kind: 'all' }, filters: { ...NO_FILTERS, feeds: ['a'] }, search: '', selected: null, opened: false, anchor: null, trayless: false,
    });
    expect(parsePlace('{"filters":{"unread":true,"done":true}}')!.filters).toMatchObject({ unread: false, done: true });
  });
});
