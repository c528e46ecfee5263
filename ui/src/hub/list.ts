/** One row of the list. */
export interface Row {
  /** The same for the same event, however often it comes. */
  key: string;
  kind: 'event' | 'gap';
  /** Its position in the hub's log. */
  id: string;
  event: string;
  data: string;
  /** When it came here, in Unix milliseconds; null when it had happened before. */
  at: number | null;
  /** Who it was for, as `uid:ada` and `topic:door`; empty: everyone; null: not known. */
  to: string[] | null;
}

/** Most rows, and most characters in all of them. */
export const MOST_ROWS = 1000;
export const MOST_CHARACTERS = 16 << 20;

/** Rows in the order of the log, oldest first, each once, and never too many. */
export class List {
  rows: Row[] = [];
  #keys = new Set<string>();
  #size = 0;

  /** Takes newer rows; returns those that are news. */
  add(rows: readonly Row[]): Row[] {
    const fresh = this.#fresh(rows);
    this.rows.push(...fresh);
    this.#bound();
    return fresh;
  }

  /** Takes rows from before the first one, as far as there is room. */
  before(rows: readonly Row[]): Row[] {
    const fresh = this.#fresh(rows);
    this.rows.unshift(...fresh);
    this.#bound();
    return fresh;
  }

  /** Sets who rows were for. */
  address(to: ReadonlyMap<string, string[]>): void {
    this.rows = this.rows.map((row) => {
      const known = to.get(row.key);
      return known ? { ...row, to: known } : row;
    });
  }

  clear(): void {
    this.rows = [];
    this.#keys.clear();
    this.#size = 0;
  }

  #fresh(rows: readonly Row[]): Row[] {
    return rows.filter((row) => {
      if (this.#keys.has(row.key)) return false;
      this.#keys.add(row.key);
      this.#size += cost(row);
      return true;
    });
  }

  #bound(): void {
    let drop = 0;
    while (this.rows.length - drop > MOST_ROWS || (this.#size > MOST_CHARACTERS && drop < this.rows.length - 1)) {
      const row = this.rows[drop++]!;
      this.#keys.delete(row.key);
      this.#size -= cost(row);
    }
    if (drop > 0) this.rows = this.rows.slice(drop);
  }
}

function cost(row: Row): number { return row.data.length + row.event.length + 200; }
