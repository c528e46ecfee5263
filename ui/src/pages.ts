import type { MessagePage, MessageQuery, MessageRow } from './bindings';

/** Which messages are listed: a query without its place. */
export type Filter = Omit<MessageQuery, 'before' | 'limit'>;

/** The list of all messages. */
export const EVERYTHING: Filter = {
  feed: null, feeds: [], events: [], urgency: null, unread: false, pinned: false, done: false, search: '', burst: null, fold: true,
};

export const PAGE = 200;
/** Rows below the view that are fetched ahead. */
const AHEAD = 60;
/** Rows fetched to find an old place again. */
const MOST_UNTIL = 10_000;
/** Pages fetched to join new rows to the old ones before the old ones are let go. */
const MOST_JOINS = 10;

/**
 * The loaded part of one list, newest first and without holes for the reader.
 *
 * Rows come in pages that start below a known id. A refresh makes every row stale; the top
 * and whatever is in view are asked again, the rest when it comes into view. One request
 * runs at a time, whatever happens meanwhile.
 */
export class Pages {
  rows: readonly MessageRow[] = [];
  /** All messages that match, loaded or not. */
  total = 0;
  /** There are more than `total`. */
  atLeast = false;
  /** The last row is the oldest message there is. */
  complete = false;
  /** Stays in the list although it no longer matches, until the next refresh without it: the row being read. */
  keep: number | null = null;

  #filter: Filter = EVERYTHING;
  #list = 0;
  #generation = 0;
  #stamps = new WeakMap<MessageRow, number>();
  #topStale = false;
  #hole: number | null = null;
  #joins = 0;
  #seen: [first: number, end: number] = [0, 0];
  #until: number | null = null;
  #busy = false;
  #running: Promise<void> = Promise.resolve();

  constructor(
    private readonly fetch: (query: MessageQuery) => Promise<MessagePage>,
    private readonly changed: () => void,
  ) {}

  get filter(): Filter { return this.#filter; }

  /** Shows another list, from its top. `until`: as far as this message, if it is not too far. */
  open(filter: Filter, until: number | null = null): Promise<void> {
    this.#list += 1;
    this.#filter = filter;
    this.rows = [];
    this.total = 0;
    this.atLeast = false;
    this.complete = false;
    this.keep = null;
    this.#until = until;
    this.#hole = null;
    this.#seen = [0, 0];
    return this.refresh();
  }

  /** The inbox changed: what is shown is asked again. */
  refresh(): Promise<void> {
    this.#generation += 1;
    this.#topStale = true;
    return this.#pump();
  }

  /** Rows [first, end) are in view. */
  see(first: number, end: number): Promise<void> {
    this.#seen = [first, end];
    return this.#pump();
  }

  /** A fresh copy of one row, wherever it came from. */
  put(row: MessageRow): void {
    const at = this.rows.findIndex((old) => old.id === row.id);
    if (at < 0) return;
    this.rows = this.rows.with(at, row);
    this.#stamps.set(row, this.#generation);
    this.changed();
  }

  /** Where to ask next, or null if everything in view is fresh. */
  #wanted(): { before: number | null; limit: number } | null {
    // A hole is closed before the top is asked again: there is never more than one.
    if (this.#hole !== null) return { before: this.#hole, limit: 500 };
    if (this.#topStale) return { before: null, limit: PAGE };
    const last = this.rows.at(-1);
    if (this.#until !== null) {
      if (last !== undefined && last.id > this.#until && !this.complete && this.rows.length < MOST_UNTIL) return { before: last.id, limit: 500 };
      this.#until = null;
    }
    const [first, end] = this.#seen;
    for (let i = first; i < Math.min(end, this.rows.length); i += 1) {
      const row = this.rows[i]!;
      if (this.#stamps.get(row) !== this.#generation) return { before: row.id + 1, limit: PAGE };
    }
    if (!this.complete && end + AHEAD > this.rows.length && last !== undefined) return { before: last.id, limit: PAGE };
    return null;
  }

  #pump(): Promise<void> {
    if (!this.#busy) this.#running = this.#run();
    return this.#running;
  }

  /** Busy until its last look for more, not until its promise settles: what is wanted in between needs a run of its own. */
  async #run(): Promise<void> {
    this.#busy = true;
    try {
      for (let next = this.#wanted(); next !== null; next = this.#wanted()) {
        const list = this.#list;
        const generation = this.#generation;
        if (next.before === null) this.#topStale = false;
        let page: MessagePage;
        try {
          page = await this.fetch({ ...this.#filter, ...next });
        } catch (error) {
          // The next refresh asks again; asking at once would only fail again.
          if (list !== this.#list) continue;
          throw error;
        }
        if (list !== this.#list) continue;
        this.#splice(page, next.before, next.limit, generation);
        this.changed();
      }
    } finally {
      this.#busy = false;
    }
  }

  #splice(page: MessagePage, before: number | null, limit: number, generation: number): void {
    for (const row of page.rows) this.#stamps.set(row, generation);
    const upper = before ?? Infinity;
    const full = page.rows.length >= limit;
    const lower = full ? page.rows.at(-1)!.id : -Infinity;
    const above = this.rows.filter((row) => row.id >= upper);
    const below = this.rows.filter((row) => row.id < lower);
    const inside = this.rows.filter((row) => row.id < upper && row.id >= lower);
    const fresh = new Set(page.rows.map((row) => row.id));
    const kept = inside.find((row) => row.id === this.keep && !fresh.has(row.id));
    const middle = [...page.rows];
    if (kept !== undefined) {
      this.#stamps.set(kept, generation);
      const at = middle.findIndex((row) => row.id < kept.id);
      middle.splice(at < 0 ? middle.length : at, 0, kept);
    }

    const fillsHole = before !== null && before === this.#hole;
    const joined = inside.length > 0 || below.length === 0;
    this.total = page.total;
    this.atLeast = page.at_least;
    if (joined) {
      if (before === null || fillsHole) this.#hole = null;
      this.rows = [...above, ...middle, ...below];
    } else if ((before === null && this.#seen[0] === 0) || this.#joins >= MOST_JOINS) {
      this.#hole = null;
      this.rows = [...above, ...middle];
      this.complete = false;
    } else {
      this.#hole = lower;
      this.rows = [...above, ...middle, ...below];
    }
    this.#joins = this.#hole === null ? 0 : this.#joins + 1;
    if (!full) this.complete = true;
    else if (below.length === 0) this.complete = false;
  }
}
