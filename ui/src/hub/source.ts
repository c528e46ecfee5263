import { List, type Row } from './list';
import { Parser, type Block } from './sse';
import { streamPath } from './recipes';

/** What one stream listens as, besides everyone's events. */
export interface Filter { uids: readonly string[]; topics: readonly string[] }

/** How the connection is. Times are Unix milliseconds. */
export type State =
  | { kind: 'connecting' }
  | { kind: 'live' }
  | { kind: 'waiting'; until: number; why: string }
  | { kind: 'polling'; seconds: number }
  /** The hub wants a token, or does not know the one it was given. */
  | { kind: 'token'; given: boolean }
  | { kind: 'refused'; why: string }
  /** The hub said to stay away. */
  | { kind: 'gone' };

export interface Listener {
  rows(rows: readonly Row[]): void;
  /** Rows from before all others. */
  earlier(rows: readonly Row[]): void;
  addressed(to: ReadonlyMap<string, string[]>): void;
  state(state: State): void;
}

/** What a source needs of its surroundings. */
export interface World {
  fetch: typeof fetch;
  now(): number;
  /** From 0 to 1. */
  random(): number;
  origin: string;
}

/** So many positions back the list starts. */
const BACK = 200;
/** Without a first byte for so long a stream does not get through. */
const FIRST_BYTE = 10_000;
/** A stream that ends sooner was not worth much. */
const WORTH = 5000;
/** So many of those in a row, and we ask instead of listening. */
const POOR = 3;
const POLL_SECONDS = 3;
/** When asking, so often we try to listen again. */
const STREAM_AGAIN = 60_000;
const SLOWEST = 30_000;
const BATCH = 100;
/** Who events were for is asked about so many at a time. */
const ADDRESSED_AT_ONCE = 300;
const LONGEST_ADDRESSED = 16_384;
/** Most characters of an answer about the past. */
const MOST_READ = 8 << 20;

type Outcome =
  | { kind: 'ended'; poor: boolean; soon: boolean; why: string }
  | { kind: 'unreachable'; why: string }
  | { kind: 'later'; seconds: number; why: string }
  | { kind: 'polled' }
  | { kind: 'token' | 'refused' | 'gone'; why: string };

/**
 * One filter's events: a stream where one gets through, else polling. Read by fetch, as an
 * EventSource hears only the names it was told, sends no token, and does not say why it was refused.
 */
export class Source {
  readonly list = new List();
  state: State = { kind: 'connecting' };
  #filter: Filter;
  #world: World;
  #token: string | null;
  #listener: Listener;
  /** Whether there is room for one more stream; else it polls. */
  #mayStream: () => boolean;
  #ended = false;
  #cursor = '';
  #retry = 1000;
  #failures = 0;
  #poor = 0;
  #streamAt = 0;
  #wake: (() => void) | null = null;
  #attempt: AbortController | null = null;
  #pending: { after: string; row: Row }[] = [];
  #flushing: ReturnType<typeof setTimeout> | undefined;
  #asking = false;
  #unaddressed: { after: string; row: Row }[] = [];
  /** Whether a stream is open or about to be. */
  streams = false;

  constructor(filter: Filter, token: string | null, world: World, listener: Listener, mayStream: () => boolean = () => true) {
    this.#filter = filter;
    this.#token = token;
    this.#world = world;
    this.#listener = listener;
    this.#mayStream = mayStream;
  }

  start(): void { void this.#run(); }

  /** Another token, or none: begins anew where it was. */
  authorise(token: string | null): void {
    this.#token = token;
    this.now();
    this.#attempt?.abort('again');
  }

  /** Does not wait any longer. */
  now(): void {
    this.#failures = 0;
    this.#wake?.();
  }

  close(): void {
    this.#ended = true;
    this.#attempt?.abort('closed');
    this.#wake?.();
    clearTimeout(this.#flushing);
  }

  async #run(): Promise<void> {
    while (!this.#ended) {
      const polls = this.#poor >= POOR && this.#world.now() < this.#streamAt;
      this.streams = !polls && this.#mayStream();
      if (!['polling', 'live', 'waiting'].includes(this.state.kind)) this.#say({ kind: 'connecting' });
      const outcome = await (this.streams ? this.#stream() : this.#poll());
      this.#flush();
      if (this.#ended) return;
      if (this.#attempt?.signal.reason === 'again') continue;
      await this.#after(outcome);
    }
  }

  async #after(outcome: Outcome): Promise<void> {
    switch (outcome.kind) {
      case 'polled':
        this.#failures = 0;
        this.#say({ kind: 'polling', seconds: POLL_SECONDS });
        return this.#sleep(POLL_SECONDS * 1000);
      case 'token': return this.#stay({ kind: 'token', given: this.#token !== null });
      case 'refused': return this.#stay({ kind: 'refused', why: outcome.why });
      case 'gone': return this.#stay({ kind: 'gone' });
      case 'ended':
        if (outcome.poor) this.#poor += 1;
        if (this.#poor >= POOR) {
          this.#streamAt = this.#world.now() + STREAM_AGAIN;
          return;
        }
        if (outcome.soon) {
          this.#say({ kind: 'connecting' });
          return this.#sleep(this.#world.random() * 1000);
        }
        return this.#wait(0, outcome.why);
      case 'later': return this.#wait(outcome.seconds * 1000, outcome.why);
      case 'unreachable': return this.#wait(0, outcome.why);
    }
  }

  /** Waits longer each time, never all tabs of the world at once. */
  async #wait(least: number, why: string): Promise<void> {
    const longer = Math.min(SLOWEST, this.#retry * 2 ** Math.min(this.#failures, 10));
    const ms = Math.max(least, longer * (0.75 + this.#world.random() / 2));
    this.#failures += 1;
    this.#say({ kind: 'waiting', until: this.#world.now() + ms, why });
    return this.#sleep(ms);
  }

  /** Waits for a person. */
  #stay(state: State): Promise<void> {
    this.#say(state);
    return this.#sleep(null);
  }

  #sleep(ms: number | null): Promise<void> {
    return new Promise((done) => {
      const timer = ms === null ? undefined : setTimeout(() => this.#wake?.(), ms);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = null;
        done();
      };
    });
  }

  #say(state: State): void {
    if (JSON.stringify(state) === JSON.stringify(this.state)) return;
    this.state = state;
    this.#listener.state(state);
  }

  async #stream(): Promise<Outcome> {
    const attempt = (this.#attempt = new AbortController());
    let patience = FIRST_BYTE;
    let timer: ReturnType<typeof setTimeout>;
    const watch = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => attempt.abort('silent'), patience);
    };
    watch();
    let begun: number | null = null;
    let soon = false;
    let why = '';
    try {
      const answer = await this.#ask(this.#filter, this.#cursor ? { lastEventId: this.#cursor, control: '1' } : { since: 'none', control: '1' }, attempt.signal);
      const refused = await refusal(answer);
      if (refused) return refused;
      if (!answer.headers.get('Content-Type')?.startsWith('text/event-stream')) return { kind: 'ended', poor: true, soon: false, why: '' };
      const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
      const parser = new Parser(this.#cursor);
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        if (begun === null) {
          begun = this.#world.now();
          this.#failures = 0;
          patience = 60_000;
          this.#say({ kind: 'live' });
        }
        for (const block of parser.push(value)) {
          const said = control(block);
          if (block.event === 'hello' && typeof said.heartbeat === 'number') patience = Math.max(3000, said.heartbeat * 3000);
          if (block.event === 'bye') {
            soon = said.reason === 'rotation';
            why = String(said.reason ?? '');
          }
          this.#take(block);
        }
        if (parser.retry !== null) this.#retry = Math.min(SLOWEST, Math.max(100, parser.retry));
        if (this.#world.now() - begun >= WORTH) this.#poor = 0;
        watch();
      }
    } catch (error) {
      // Nothing at all came for so long: something in between holds it back.
      if (begun === null && attempt.signal.reason === 'silent') return { kind: 'ended', poor: true, soon: false, why: '' };
      if (begun === null) return { kind: 'unreachable', why: '' };
      if (error instanceof RangeError) attempt.abort('too long');
    } finally {
      clearTimeout(timer!);
    }
    const poor = begun === null || (why === '' && this.#world.now() - begun < WORTH);
    return { kind: 'ended', poor, soon, why };
  }

  async #poll(): Promise<Outcome> {
    this.#attempt = new AbortController();
    const timer = setTimeout(() => this.#attempt?.abort('silent'), FIRST_BYTE * 2);
    try {
      const answer = await this.#ask(this.#filter, this.#cursor ? { poll: '1', lastEventId: this.#cursor } : { poll: '1', since: 'none' }, this.#attempt.signal);
      const refused = await refusal(answer);
      if (refused) return refused;
      await read(answer, new Parser(this.#cursor), (block) => this.#take(block));
      return { kind: 'polled' };
    } catch {
      return { kind: 'unreachable', why: '' };
    } finally {
      clearTimeout(timer);
    }
  }

  #ask(filter: Filter, query: Record<string, string>, signal?: AbortSignal): Promise<Response> {
    const url = new URL(streamPath(filter.uids, filter.topics, false), this.#world.origin);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const headers: Record<string, string> = { Accept: 'text/event-stream' };
    if (this.#token !== null) headers.Authorization = `Bearer ${this.#token}`;
    return this.#world.fetch(url, { headers, cache: 'no-store', credentials: 'omit', ...(signal ? { signal } : {}) });
  }

  #take(block: Block): void {
    const first = this.#cursor === '';
    const after = this.#cursor;
    if (block.id) this.#cursor = block.id;
    if (first && this.#cursor) void this.#start(this.#cursor);
    const row = rowOf(block, this.#world.now());
    if (!row) return;
    if (this.#filter.uids.length + this.#filter.topics.length === 0) row.to = [];
    this.#pending.push({ after, row });
    // Told in batches: a busy hub must not keep every tab busy.
    this.#flushing ??= setTimeout(() => this.#flush(), BATCH);
  }

  #flush(): void {
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
    if (this.#pending.length === 0) return;
    const pending = this.#pending;
    this.#pending = [];
    const fresh = this.list.add(pending.map(({ row }) => row));
    if (fresh.length > 0) this.#listener.rows(fresh);
    // Only now: what is found out must find its row in the list.
    for (const { after, row } of pending) this.#wonder(after, row);
    void this.#address();
  }

  /** The last events from before we came, so that the list does not begin empty. */
  async #start(position: string): Promise<void> {
    const [, epoch, seq] = /^(.+)\.(\d+)$/.exec(position) ?? [];
    if (epoch === undefined) return;
    const after = `${epoch}.${Math.max(0, Number(seq) - BACK)}`;
    try {
      const answer = await this.#ask(this.#filter, { poll: '1', since: after });
      if (!answer.ok) return;
      const rows: Row[] = [];
      await read(answer, new Parser(), (block) => {
        const row = rowOf(block, null);
        // What was given up before that is no loss of ours.
        if (row?.kind !== 'event' || Number(row.id.slice(row.id.lastIndexOf('.') + 1)) > Number(seq)) return;
        if (this.#filter.uids.length + this.#filter.topics.length === 0) row.to = [];
        rows.push(row);
      });
      if (this.#ended) return;
      const fresh = this.list.before(rows);
      if (fresh.length > 0) this.#listener.earlier(fresh);
      for (const row of fresh) this.#wonder(after, row);
      void this.#address();
    } catch {
      // The list begins with what comes.
    }
  }

  #wonder(after: string, row: Row): void {
    const some = this.#unaddressed.length < ADDRESSED_AT_ONCE && row.data.length < LONGEST_ADDRESSED;
    if (some && row.to === null) this.#unaddressed.push({ after, row });
  }

  /** A stream does not say who its events are for. Asked for everyone's alone, and for each one's, the hub does. */
  async #address(): Promise<void> {
    if (this.#asking || this.#unaddressed.length === 0) return;
    this.#asking = true;
    const asked = this.#unaddressed.splice(0);
    try {
      const wanted = new Set(asked.map(({ row }) => row.id));
      const position = ({ after }: { after: string }): number => Number(after.slice(after.lastIndexOf('.') + 1));
      const since = asked.reduce((least, each) => (position(each) < position(least) ? each : least)).after;
      const of = async (filter: Filter): Promise<Set<string>> => {
        const answer = await this.#ask(filter, { poll: '1', since });
        if (!answer.ok) throw new Error(answer.statusText);
        const keys = new Set<string>();
        await read(answer, new Parser(), (block) => { if (wanted.has(block.id) && rowOf(block, null)?.kind === 'event') keys.add(block.id); });
        return keys;
      };
      const everyone = await of({ uids: [], topics: [] });
      const to = new Map<string, string[]>([...everyone].map((key) => [key, []]));
      if (to.size < wanted.size) {
        const addresses = [...this.#filter.uids.map((uid) => `uid:${uid}`), ...this.#filter.topics.map((topic) => `topic:${topic}`)];
        for (const address of addresses) {
          const name = address.slice(address.indexOf(':') + 1);
          const keys = await of(address.startsWith('uid:') ? { uids: [name], topics: [] } : { uids: [], topics: [name] });
          for (const key of keys) if (!everyone.has(key)) to.set(key, [...(to.get(key) ?? []), address]);
        }
      }
      if (this.#ended) return;
      this.list.address(to);
      this.#listener.addressed(to);
    } catch {
      // Then it is not said.
    } finally {
      // At most one round a second.
      setTimeout(() => {
        this.#asking = false;
        if (!this.#ended) void this.#address();
      }, 1000);
    }
  }
}

/** Reads an answer that ends. */
async function read(answer: Response, parser: Parser, take: (block: Block) => void): Promise<void> {
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  for (let left = MOST_READ; ;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (const block of parser.push(value)) take(block);
    left -= value.length;
    if (left < 0) {
      void reader.cancel();
      throw new RangeError('the answer is longer than a page can keep');
    }
  }
}

function rowOf(block: Block, at: number | null): Row | null {
  if (block.data === null || ['hello', 'ping', 'bye'].includes(block.event)) return null;
  const gap = block.event === 'gap';
  return { key: gap ? `gap ${block.id}` : block.id, kind: gap ? 'gap' : 'event', id: block.id, event: block.event, data: block.data, at, to: gap ? [] : null };
}

function control(block: Block): Record<string, unknown> {
  if (block.event !== 'hello' && block.event !== 'bye') return {};
  try {
    return JSON.parse(block.data ?? '{}') as Record<string, unknown>;
  } catch {
    return {};
  }
}

async function refusal(answer: Response): Promise<Outcome | null> {
  if (answer.status === 204) return { kind: 'gone', why: '' };
  if (answer.ok) return null;
  const why = await reason(answer);
  if (answer.status === 401) return { kind: 'token', why };
  if (answer.status === 403) return { kind: 'refused', why };
  const seconds = Number(answer.headers.get('Retry-After') ?? 0);
  return { kind: 'later', seconds: Number.isFinite(seconds) ? Math.min(300, Math.max(0, seconds)) : 0, why };
}

/** The hub's own sentence about an answer that is none. */
export async function reason(answer: Response): Promise<string> {
  try {
    const { error } = (await answer.json()) as { error?: unknown };
    return typeof error === 'string' ? error : String(answer.status);
  } catch {
    return String(answer.status);
  }
}
