import { getContext, setContext } from 'svelte';
import type { FluentVariable } from '@fluent/bundle';
import type { Row } from './list';
import { present } from './present';
import { Share, Tab, type Port, type Tell } from './share';
import { reason, type Filter, type State, type World } from './source';
import { preferred, Words, type Locale } from './words';

/** One open connection, as the hub tells it. */
export interface Subscriber {
  id: string;
  uids: string[];
  topics: string[];
  device: string | null;
  address: string | null;
  since: number;
  lag: number;
}

/** Why nothing came of a request; `why` is the hub's sentence, or empty when it did not answer. */
export class Failed extends Error {
  constructor(readonly status: number, readonly why: string) { super(why); }
}

/** What the page needs of its browser. */
export interface Browser extends World {
  /** What all tabs share; `failed` is called when it turns out that nothing is there. */
  shared: ((failed: () => void) => Port) | null;
  session: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | null;
  local: Pick<Storage, 'getItem' | 'setItem'> | null;
  languages: readonly string[];
  search: string;
  /** Shows the filter in the address. */
  address(search: string): void;
}

const TOKEN = 'feedbell-token';
const LANGUAGE = 'feedbell-language';
/** Most users and topics at a time. */
export const MOST = 16;
/** New events are told to a screen reader together. */
const SPEAK = 5000;
/** Without an answer for so long, a tab listens by itself. */
const PATIENCE = 10_000;

export class Model {
  readonly origin: string;
  rows = $state.raw<readonly Row[]>([]);
  state = $state.raw<State>({ kind: 'connecting' });
  filter = $state.raw<Filter>({ uids: [], topics: [] });
  token = $state.raw<string | null>(null);
  /** Whether this hub asks for one at all. */
  guarded = $state(false);
  now = $state(0);
  /** What a screen reader says next. */
  spoken = $state('');
  /** How many have come; so the list knows that something is new. */
  arrived = $state(0);
  /** Null: not for us to see. */
  online = $state.raw<{ subscribers: readonly Subscriber[]; max: number | null } | null>(null);
  #locale = $state<Locale>('en');
  words = $derived(new Words(this.#locale));
  #browser: Browser;
  #tab: Tab | null = null;
  #unspoken: Row[] = [];
  #speaking: ReturnType<typeof setTimeout> | undefined;
  #mayAsk = true;

  constructor(browser: Browser) {
    this.#browser = browser;
    this.origin = browser.origin;
    this.now = browser.now();
    const chosen = browser.local?.getItem(LANGUAGE);
    this.#locale = chosen === 'en' || chosen === 'zh-CN' ? chosen : preferred(browser.languages);
    this.token = browser.session?.getItem(TOKEN) ?? null;
    this.guarded = this.token !== null;
    const query = new URLSearchParams(browser.search);
    this.filter = { uids: [...new Set(query.getAll('uid'))].slice(0, MOST), topics: [...new Set(query.getAll('topic'))].slice(0, MOST) };
    this.#address();
  }

  start(): void { this.#join(this.#browser.shared !== null); }

  t(id: string, args: Record<string, FluentVariable> = {}): string { return this.words.t(id, args); }

  get locale(): Locale { return this.#locale; }
  set locale(locale: Locale) {
    this.#locale = locale;
    this.#browser.local?.setItem(LANGUAGE, locale);
  }

  /** Listens as these from now on. */
  listen(filter: Filter): void {
    this.filter = filter;
    this.#address();
    this.#listen();
  }

  /** All tabs use it from now on; null forgets it. */
  use(token: string | null): void {
    this.#keep(token);
    this.#mayAsk = true;
    this.#tab?.ask({ kind: 'token', token });
  }

  tryNow(): void { this.#tab?.ask({ kind: 'now' }); }
  /** The tab goes away, perhaps to come back. */
  leave(): void { this.#tab?.ask({ kind: 'leave' }); }
  back(): void { this.#listen(); }
  tick(): void { this.now = this.#browser.now(); }

  /** Sends one; answers its position. */
  async publish(publication: Record<string, unknown>): Promise<string> {
    const answer = await this.#request('/publish', { method: 'POST', body: JSON.stringify(publication), headers: { 'Content-Type': 'application/json' } });
    return ((await answer.json()) as { id: string }).id;
  }

  /** Asks who is online. Who may not know is not asked again. */
  async look(): Promise<void> {
    if (!this.#mayAsk) return;
    try {
      const answer = await this.#request('/hub/subscribers');
      const { subscribers, max } = (await answer.json()) as { subscribers: Subscriber[]; max?: number };
      this.online = { subscribers, max: max ?? null };
    } catch (error) {
      if (!(error instanceof Failed) || error.status === 0) return;
      this.online = null;
      this.#mayAsk = error.status >= 500;
    }
  }

  async disconnect(id: string): Promise<void> {
    await this.#request(`/hub/subscribers/${encodeURIComponent(id)}`, { method: 'DELETE' });
    await this.look();
  }

  async #request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers: Record<string, string> = { ...(init.headers as Record<string, string>) };
    if (this.token !== null) headers.Authorization = `Bearer ${this.token}`;
    let answer: Response;
    try {
      answer = await this.#browser.fetch(this.origin + path, { ...init, headers, cache: 'no-store', credentials: 'omit' });
    } catch {
      throw new Failed(0, '');
    }
    if (!answer.ok) throw new Failed(answer.status, await reason(answer));
    return answer;
  }

  #join(shared: boolean): void {
    let port: Port;
    let answered = false;
    let left = false;
    const alone = (): void => {
      if (!shared || answered || left) return;
      left = true;
      port.postMessage({ kind: 'leave' });
      this.#join(false);
    };
    if (shared) {
      try {
        port = this.#browser.shared!(alone);
      } catch {
        return this.#join(false);
      }
      setTimeout(alone, PATIENCE);
    } else {
      const ends = new MessageChannel();
      new Share(this.#browser).connect(ends.port1);
      port = ends.port2;
    }
    this.#tab = new Tab(port, (what, fresh) => {
      if (left) return;
      answered = true;
      this.#told(what, fresh);
    });
    this.#listen();
  }

  #listen(): void { this.#tab?.ask({ kind: 'listen', filter: { uids: [...this.filter.uids], topics: [...this.filter.topics] }, token: this.token }); }

  #told(what: Tell, fresh: readonly Row[]): void {
    this.rows = [...this.#tab!.list.rows];
    this.tick();
    if (what.kind === 'whole' || what.kind === 'state') {
      if (what.state.kind !== this.state.kind) this.#mayAsk = true;
      this.state = what.state;
      if (what.state.kind === 'token') this.guarded = true;
    }
    if (what.kind === 'token' || (what.kind === 'whole' && what.token !== null)) this.#keep(what.token);
    if (fresh.length > 0) {
      this.arrived += fresh.length;
      this.#unspoken.push(...fresh.slice(-2));
      this.#speaking ??= setTimeout(() => this.#speak(), SPEAK);
    }
  }

  #speak(): void {
    const rows = this.#unspoken;
    this.#unspoken = [];
    this.#speaking = undefined;
    const only = rows.length === 1 ? rows[0]! : null;
    this.spoken = only ? this.title(only) : this.t('new', { n: this.arrived - this.#said });
    this.#said = this.arrived;
  }
  #said = 0;

  title(row: Row): string {
    return row.kind === 'gap' ? this.t('gap') : (present(row.event, row.data).title ?? this.words.eventTitle(row.event));
  }

  #keep(token: string | null): void {
    this.token = token;
    if (token === null) this.#browser.session?.removeItem(TOKEN);
    else {
      this.guarded = true;
      this.#browser.session?.setItem(TOKEN, token);
    }
  }

  #address(): void {
    const query = new URLSearchParams([...this.filter.uids.map((uid) => ['uid', uid]), ...this.filter.topics.map((topic) => ['topic', topic])]);
    this.#browser.address(query.size > 0 ? `?${query}` : '');
  }
}

export function provide(model: Model): void { setContext('hub', model); }
export function useHub(): Model { return getContext<Model>('hub'); }
