import { describe, expect, it } from 'vitest';
import type { QuietHours } from './bindings';
import { added, barsOf, clock, DAY, dayNames, everyDay, minutesOf, moved, nextStart, spansOf, WEEK, windowsOf, type Span } from './week';

const ALL = [1, 2, 3, 4, 5, 6, 7];
const at = (day: number, time: string): number => (day - 1) * DAY + minutesOf(time)!;
const hours = (days: number[], from: string, until: string): QuietHours => ({ days, from: minutesOf(from)!, until: minutesOf(until)! });
const nights = hours(ALL, '22:00', '08:00');

/** Each minute of the week in which it is quiet. */
function minutes(spans: readonly Span[]): Set<number> {
  return new Set(spans.flatMap(({ start, length }) => Array.from({ length }, (_, i) => (start + i) % WEEK)));
}

describe('windows and stretches', () => {
  it('is the same windows after the way there and back', () => {
    for (const windows of [
      [], [nights], [hours([1, 2, 3, 4, 7], '22:00', '08:00'), hours([5, 6], '23:30', '10:00')],
      [hours([3], '12:00', '13:30')], [hours(ALL, '00:00', '00:00')], [hours([7], '23:55', '00:00')],
    ]) expect(windowsOf(spansOf(windows))).toEqual(windows);
  });

  it('ends on the next day when the end is not after the beginning', () => {
    expect(spansOf([hours([7], '22:00', '08:00')])).toEqual([{ start: at(7, '22:00'), length: 600 }]);
    expect(spansOf([hours([2], '09:00', '09:00')])).toEqual([{ start: at(2, '09:00'), length: DAY }]);
  });

  it('takes a stretch that is written twice once, and no day that is none', () => {
    expect(spansOf([nights, hours([1, 1, 8, 0], '22:00', '08:00')])).toHaveLength(7);
  });

  it('draws a night on two days, and that of Sunday on Monday', () => {
    const bars = barsOf(spansOf([hours([5, 7], '23:30', '10:00')]));
    expect(bars).toEqual([
      { span: 0, day: 4, from: 1410, until: DAY, begins: true, ends: false }, { span: 0, day: 5, from: 0, until: 600, begins: false, ends: true },
      { span: 1, day: 6, from: 1410, until: DAY, begins: true, ends: false }, { span: 1, day: 0, from: 0, until: 600, begins: false, ends: true },
    ]);
  });

  it('draws one that ends at midnight once', () => {
    expect(barsOf(spansOf([hours([1], '22:00', '00:00')]))).toEqual([{ span: 0, day: 0, from: 1320, until: DAY, begins: true, ends: true }]);
  });
});

describe('moving an edge', () => {
  it('splits the day off its window', () => {
    const later = moved(spansOf([nights]), 4, 'start', at(5, '23:30'));
    expect(windowsOf(later)).toEqual([hours([1, 2, 3, 4, 6, 7], '22:00', '08:00'), hours([5], '23:30', '08:00')]);
  });

  it('joins the window again when the hours are the same again', () => {
    const spans = spansOf([nights]);
    expect(windowsOf(moved(moved(spans, 4, 'start', at(5, '23:30')), 4, 'start', at(5, '22:00')))).toEqual([nights]);
  });

  it('goes over midnight both ways, also from Monday to Sunday', () => {
    const monday = spansOf([hours([1], '00:30', '08:00')]);
    expect(moved(monday, 0, 'start', -30)).toEqual([{ start: at(7, '23:30'), length: 510 }]);
    const sunday = spansOf([hours([7], '20:00', '23:30')]);
    expect(moved(sunday, 0, 'end', WEEK + 60)).toEqual([{ start: at(7, '20:00'), length: 300 }]);
  });

  it('stops at its neighbours, at its other edge, and after a day', () => {
    const two = spansOf([hours([1], '06:00', '08:00'), hours([1], '12:00', '13:00')]);
    expect(moved(two, 0, 'end', at(1, '15:00'))[0]).toEqual({ start: at(1, '06:00'), length: 360 });
    expect(moved(two, 1, 'start', at(1, '05:00'))[1]).toEqual({ start: at(1, '08:00'), length: 300 });
    expect(moved(two, 1, 'end', at(1, '05:00'))[1]).toEqual({ start: at(1, '12:00'), length: 5 });
    expect(moved(two, 1, 'end', at(3, '12:00'))[1]).toEqual({ start: at(1, '12:00'), length: DAY });
    const round = spansOf([hours([7], '22:00', '23:00'), hours([1], '01:00', '02:00')]);
    expect(moved(round, 0, 'start', -6 * 60)[0]).toEqual({ start: at(7, '23:00'), length: 180 });
  });

  it('leaves overlaps of the file alone', () => {
    const spans = spansOf([hours([1], '06:00', '10:00'), hours([1], '08:00', '12:00')]);
    expect(moved(spans, 0, 'end', at(1, '11:00'))[0]).toEqual(spans[0]);
    expect(moved(spans, 0, 'end', at(1, '09:00'))[0]!.length).toBe(180);
  });
});

describe('adding and copying', () => {
  it('makes one of what overlaps', () => {
    expect(windowsOf(added(spansOf([nights]), hours([1], '06:00', '09:00')))).toEqual([
      hours([1, 2, 3, 4, 5, 6], '22:00', '08:00'), hours([7], '22:00', '09:00'),
    ]);
    expect(windowsOf(added([], nights))).toEqual([nights]);
  });

  it('never loses a quiet minute, and keeps every stretch within a day', () => {
    let seed = 7;
    const random = (below: number): number => { seed = (seed * 1103515245 + 12345) % 2147483648; return seed % below; };
    for (let round = 0; round < 60; round += 1) {
      let spans: Span[] = [];
      const quiet = new Set<number>();
      for (let i = 0; i < 4; i += 1) {
        const window = { days: ALL.filter(() => random(2) === 0), from: random(288) * 5, until: random(288) * 5 };
        for (const minute of minutes(spansOf([window]))) quiet.add(minute);
        spans = added(spans, window);
      }
      expect(minutes(spans)).toEqual(quiet);
      expect(spans.every(({ start, length }) => start >= 0 && start < WEEK && length > 0 && length <= DAY)).toBe(true);
      expect(spansOf(windowsOf(spans))).toEqual(spans);
    }
  });

  it('copies one day to all, in place of what was there', () => {
    const spans = spansOf([hours([1, 2, 3, 4, 7], '22:00', '08:00'), hours([5, 6], '23:30', '10:00'), hours([3], '12:00', '13:00')]);
    const friday = spans.findIndex(({ start }) => start === at(5, '23:30'));
    expect(windowsOf(everyDay(spans, friday))).toEqual([hours(ALL, '23:30', '10:00'), hours([3], '12:00', '13:00')]);
  });
});

it('knows when quiet begins next', () => {
  const friday = new Date(2026, 5, 5, 12).getTime();
  expect(nextStart([], friday)).toBeNull();
  expect(nextStart(spansOf([nights]), friday)).toBe(new Date(2026, 5, 5, 22).getTime());
  expect(nextStart(spansOf([hours([5], '12:00', '13:00')]), friday)).toBe(new Date(2026, 5, 12, 12).getTime());
  expect(nextStart(spansOf([hours([1, 4], '09:00', '10:00')]), friday)).toBe(new Date(2026, 5, 8, 9).getTime());
});

it('writes and reads times, and names days from Monday on', () => {
  expect([clock(0), clock(485), clock(DAY)]).toEqual(['00:00', '08:05', '00:00']);
  expect(['08:05', '8:05', '0805', ' 8：05', '8', '24:00', '0'].map(minutesOf)).toEqual([485, 485, 485, 485, 480, 0, 0]);
  expect(['', '24:01', '8:5', '8:60', '25', 'noon', '-1', '8:05 pm'].map(minutesOf)).toEqual(Array(8).fill(null));
  expect(dayNames('en', 'short')[0]).toBe('Mon');
  expect(dayNames('zh-CN', 'short')[6]).toBe('周日');
});
