import type { MessageRow } from './bindings';

/** One line of the message list: a day's heading or a row. */
export type Line =
  | { kind: 'day'; key: string; day: number; height: number }
  | { kind: 'row'; key: string; row: MessageRow; index: number; height: number };

/** Heights are fixed by the design, so that any scroll position is known without measuring. */
export const HEIGHTS = { day: 32, row: 56, gap: 56 } as const;

/** The lines of a list and the pixel at which each begins; `offsets` has one more entry, the end. */
export interface Layout {
  readonly lines: readonly Line[];
  readonly offsets: Float64Array;
  readonly height: number;
}

/** Lays out rows, newest first, below a heading for each local day. */
export function layOut(rows: readonly MessageRow[]): Layout {
  const lines: Line[] = [];
  let dayStart = Infinity;
  let dayEnd = -Infinity;
  rows.forEach((row, index) => {
    if (row.received < dayStart || row.received >= dayEnd) {
      const day = new Date(row.received);
      dayStart = day.setHours(0, 0, 0, 0);
      dayEnd = day.setDate(day.getDate() + 1);
      lines.push({ kind: 'day', key: `day-${dayStart}-${row.id}`, day: dayStart, height: HEIGHTS.day });
    }
    const height = row.kind.kind === 'gap' ? HEIGHTS.gap : HEIGHTS.row;
    lines.push({ kind: 'row', key: `row-${row.id}`, row, index, height });
  });
  const offsets = new Float64Array(lines.length + 1);
  lines.forEach((line, i) => { offsets[i + 1] = offsets[i]! + line.height; });
  return { lines, offsets, height: offsets[lines.length]! };
}

/** The lines [first, end) that a viewport of `height` pixels at `top` shows, with `over` more on both sides. */
export function visible(layout: Layout, top: number, height: number, over = 0): [first: number, end: number] {
  const first = lineAt(layout, top);
  const end = Math.min(lineAt(layout, top + height) + 1, layout.lines.length);
  return [Math.max(0, first - over), Math.min(layout.lines.length, end + over)];
}

/** The line that covers pixel `y`, the nearest one if none does. */
export function lineAt({ lines, offsets }: Layout, y: number): number {
  let low = 0;
  let high = lines.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (offsets[middle]! <= y) low = middle;
    else high = middle - 1;
  }
  return Math.max(0, low);
}

/** The line of a message, or -1. Ids fall from top to bottom. */
export function lineOf({ lines }: Layout, id: number): number {
  let low = 0;
  let high = lines.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const line = lines[middle]!;
    // A day's heading stands for the row below it; there always is one.
    const probe = line.kind === 'row' ? line : lines[middle + 1]!;
    if (probe.kind !== 'row') return -1;
    if (probe.row.id === id) return line.kind === 'row' ? middle : middle + 1;
    if (probe.row.id > id) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/**
 * The scroll position in `next` that leaves what is being read where it is in `now`: the
 * row `reading` if it can be seen, else the first row in view that still exists.
 */
export function keepPlace(now: Layout, next: Layout, top: number, height: number, reading: number | null): number {
  const [first, end] = visible(now, top, height);
  const seen = now.lines.slice(first, end).filter((line) => line.kind === 'row');
  const candidates = seen.some((line) => line.row.id === reading) && reading !== null
    ? [reading, ...seen.map((line) => line.row.id)]
    : seen.map((line) => line.row.id);
  for (const id of candidates) {
    const before = lineOf(now, id);
    const after = lineOf(next, id);
    if (before >= 0 && after >= 0) return Math.max(0, top + next.offsets[after]! - now.offsets[before]!);
  }
  return top;
}
