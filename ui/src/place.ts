import type { Urgency } from './bindings';

/** What the list of the inbox is about. */
export type View = { kind: 'all' } | { kind: 'unread' } | { kind: 'pinned' } | { kind: 'feed'; id: string };

/** What narrows a view. What is done is read, so `unread` and `done` exclude each other. */
export interface Filters {
  readonly unread: boolean;
  readonly done: boolean;
  readonly feeds: readonly string[];
  readonly events: readonly string[];
  /** This urgent or more. */
  readonly urgency: Urgency | null;
}

export const NO_FILTERS: Filters = { unread: false, done: false, feeds: [], events: [], urgency: null };

/** The row at the top of the list, and how many of its pixels are above the edge. */
export interface Anchor {
  readonly id: number;
  readonly offset: number;
  /** The newest row that had been in view: what came later is new. */
  readonly seen: number;
}

/** What a window that is made anew finds again. */
export interface Place {
  /** The page's kind, and its section or feed. */
  readonly page: readonly [kind: string, detail: string];
  readonly view: View;
  readonly filters: Filters;
  readonly search: string;
  readonly selected: number | null;
  readonly opened: boolean;
  readonly anchor: Anchor | null;
  /** The person has read that this desktop shows no tray icons. */
  readonly trayless: boolean;
}

const LONGEST = 20_000;

/** A place as it was kept; null for what is none, such as that of another version. */
export function parsePlace(text: string | null): Place | null {
  if (text === null || text.length > LONGEST) return null;
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(found)) return null;
  const { page, view, filters, search, selected, opened, anchor, trayless } = found;
  const narrowed = isRecord(filters) ? filters : {};
  return {
    page: Array.isArray(page) && typeof page[0] === 'string' && typeof page[1] === 'string' ? [page[0], page[1]] : ['inbox', ''],
    view: viewOf(view),
    filters: {
      unread: narrowed.unread === true && narrowed.done !== true,
      done: narrowed.done === true,
      feeds: strings(narrowed.feeds),
      events: strings(narrowed.events),
      urgency: (['low', 'normal', 'high', 'urgent'] as const).find((one) => one === narrowed.urgency) ?? null,
    },
    search: typeof search === 'string' ? search : '',
    selected: whole(selected),
    opened: opened === true,
    anchor: isRecord(anchor) && whole(anchor.id) !== null && whole(anchor.offset) !== null
      ? { id: anchor.id as number, offset: anchor.offset as number, seen: whole(anchor.seen) ?? (anchor.id as number) } : null,
    trayless: trayless === true,
  };
}

function viewOf(view: unknown): View {
  if (!isRecord(view)) return { kind: 'all' };
  if (view.kind === 'feed' && typeof view.id === 'string') return { kind: 'feed', id: view.id };
  return { kind: (['unread', 'pinned'] as const).find((one) => one === view.kind) ?? 'all' };
}

function isRecord(value: unknown): value is Record<string, unknown> { return typeof value === 'object' && value !== null; }
function strings(value: unknown): string[] { return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []; }
function whole(value: unknown): number | null { return Number.isSafeInteger(value) ? value as number : null; }
