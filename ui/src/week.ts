import type { QuietHours } from './bindings';

export const DAY = 1440;
export const WEEK = 7 * DAY;
/** The shortest stretch, and the smallest step of an edge, in minutes. */
export const STEP = 5;

/** One stretch of quiet. */
export interface Span {
  /** Minutes after Monday's midnight, within the week. */
  start: number;
  /** In minutes, a day at the most. */
  length: number;
}

/** The part of a span that falls on one day. */
export interface Bar {
  /** The span's place. */
  span: number;
  /** 0 is Monday. */
  day: number;
  /** Minutes after the day's midnight. */
  from: number;
  until: number;
  /** The span begins, ends with this part. */
  begins: boolean;
  ends: boolean;
}

export type Edge = 'start' | 'end';

/** Every stretch of a week, the earliest first: a window is one on each of its days. */
export function spansOf(windows: readonly QuietHours[]): Span[] {
  const all = windows.flatMap(({ days, from, until }) => days
    .filter((day) => day >= 1 && day <= 7)
    .map((day) => ({ start: (day - 1) * DAY + from, length: until > from ? until - from : until + DAY - from })));
  all.sort((a, b) => a.start - b.start || a.length - b.length);
  return all.filter((span, i) => i === 0 || !same(span, all[i - 1]!));
}

/** The windows that make these stretches: days with the same hours are one. */
export function windowsOf(spans: readonly Span[]): QuietHours[] {
  const found = new Map<string, QuietHours>();
  for (const { start, length } of [...spans].sort((a, b) => a.start - b.start)) {
    const from = start % DAY;
    const until = (from + length) % DAY;
    const one = found.get(`${from}-${until}`) ?? { days: [], from, until };
    const day = Math.floor(start / DAY) + 1;
    if (!one.days.includes(day)) one.days.push(day);
    found.set(`${from}-${until}`, one);
  }
  return [...found.values()];
}

/** What a picture of the week draws. What goes on after Sunday comes back on Monday. */
export function barsOf(spans: readonly Span[]): Bar[] {
  return spans.flatMap(({ start, length }, span) => {
    const day = Math.floor(start / DAY);
    const from = start % DAY;
    const over = from + length - DAY;
    const head = { span, day, from, until: Math.min(from + length, DAY), begins: true, ends: over <= 0 };
    return over <= 0 ? [head] : [head, { span, day: (day + 1) % 7, from: 0, until: over, begins: false, ends: true }];
  });
}

/**
 * The spans with one edge elsewhere; every other keeps its place in the list. `to` is a minute of the
 * week near the edge, perhaps before its first or after its last. The edge stops at its neighbours, at
 * the other edge, and where the span would be longer than a day.
 */
export function moved(spans: readonly Span[], at: number, edge: Edge, to: number): Span[] {
  const { start, length } = spans[at]!;
  const end = start + length;
  const { earliest, latest } = room(spans, at);
  const within = (low: number, high: number): number => Math.max(low, Math.min(high, to));
  const next = edge === 'start' ? within(earliest, end - STEP) : start;
  const last = edge === 'end' ? within(start + STEP, latest) : end;
  return spans.map((span, i) => (i === at ? { start: wrapped(next), length: last - next } : span));
}

/** The spans and new ones on these days (1 is Monday). What overlaps becomes one, as far as a day is long enough for it. */
export function added(spans: readonly Span[], { days, from, until }: QuietHours): Span[] {
  const fresh = spansOf([{ days, from, until }]);
  return fresh.reduce((all, span) => put(all, span), [...spans]).sort((a, b) => a.start - b.start);
}

/** The spans with this one's hours on every day, instead of what was there at that time. */
export function everyDay(spans: readonly Span[], at: number): Span[] {
  const { start, length } = spans[at]!;
  const fresh = [0, 1, 2, 3, 4, 5, 6].map((day) => ({ start: day * DAY + (start % DAY), length }));
  const rest = spans.filter((span) => !fresh.some((other) => overlap(span, other)));
  return [...rest, ...fresh].sort((a, b) => a.start - b.start);
}

/** When quiet next begins after `now`, in milliseconds since the epoch, in local time. */
export function nextStart(spans: readonly Span[], now: number): number | null {
  const at = new Date(now);
  const begins = spans.map(({ start }) => {
    const day = (Math.floor(start / DAY) + 1) % 7;
    const on = new Date(at.getFullYear(), at.getMonth(), at.getDate() + ((day - at.getDay() + 7) % 7), 0, start % DAY);
    if (on.getTime() <= now) on.setDate(on.getDate() + 7);
    return on.getTime();
  });
  return begins.length > 0 ? Math.min(...begins) : null;
}

/** 22:00 */
export function clock(minutes: number): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${two(Math.floor(minutes / 60) % 24)}:${two(minutes % 60)}`;
}

/** The minutes of a day from what somebody typed: 8:05, 0805, 8, also with a full-width colon; null: no time. */
export function minutesOf(text: string): number | null {
  const [, hours, minutes = '0'] = /^(\d{1,2})(?:[:：.]?(\d\d))?$/.exec(text.trim()) ?? [];
  if (hours === undefined || Number(minutes) > 59) return null;
  const all = Number(hours) * 60 + Number(minutes);
  return all <= DAY ? all % DAY : null;
}

/** The names of the days, Monday first. */
export function dayNames(locale: string, style: 'short' | 'long'): string[] {
  const name = new Intl.DateTimeFormat(locale, { weekday: style, timeZone: 'UTC' });
  // The first day of 2024 was a Monday.
  return [1, 2, 3, 4, 5, 6, 7].map((day) => name.format(Date.UTC(2024, 0, day)));
}

const same = (a: Span, b: Span): boolean => a.start === b.start && a.length === b.length;
const wrapped = (minute: number): number => ((minute % WEEK) + WEEK) % WEEK;

/** How far the edges of a span may go, as minutes of a week that goes on both ways. Overlaps of the file may stay. */
function room(spans: readonly Span[], at: number): { earliest: number; latest: number } {
  const { start, length } = spans[at]!;
  let earliest = start + length - DAY;
  let latest = start + DAY;
  spans.forEach((other, i) => {
    if (i === at) return;
    const ahead = wrapped(other.start - start);
    latest = Math.min(latest, start + ahead);
    earliest = Math.max(earliest, start + ahead - WEEK + other.length);
  });
  return { earliest: Math.min(earliest, start), latest: Math.max(latest, start + length) };
}

/** `other` seen from `span`: its start as the nearest one in a week that goes on both ways. */
function near(span: Span, other: Span): number {
  const ahead = wrapped(other.start - span.start);
  return span.start + (ahead > WEEK / 2 ? ahead - WEEK : ahead);
}

function overlap(span: Span, other: Span): boolean {
  const start = near(span, other);
  return start < span.start + span.length && start + other.length > span.start;
}

function put(spans: readonly Span[], fresh: Span): Span[] {
  const hit = spans.findIndex((other) => overlap(fresh, other));
  if (hit < 0) return [...spans, fresh];
  const rest = spans.filter((_, i) => i !== hit);
  const old = spans[hit]!;
  const oldStart = near(fresh, old);
  const start = Math.min(fresh.start, oldStart);
  const end = Math.max(fresh.start + fresh.length, oldStart + old.length);
  if (end - start <= DAY) return put(rest, { start: wrapped(start), length: end - start });
  // Too long for one: what the new one leaves of the old stays beside it.
  const before = { start: wrapped(oldStart), length: fresh.start - oldStart };
  const after = { start: wrapped(fresh.start + fresh.length), length: oldStart + old.length - fresh.start - fresh.length };
  return [...put(rest, fresh), ...[before, after].filter(({ length }) => length >= STEP)];
}
