import { getContext, setContext, untrack } from 'svelte';
import { refusal, type Backend } from './backend';
import type {
  AppView, FeedForm, FeedState, FeedView, GeneralForm, HubForm, HubLists, HubMode, MessageDetail, MessageRow,
  NewTokenView, Preview, RawEvent, RecentEvent, Refusal, SendForm, SettingsView, TestStep, TestUpdate, Text, TokenForm, WindowUpdate,
} from './bindings';
import { planned } from './doctor';
import { coalesced } from './once';
import { Pages, type Filter } from './pages';
import { midnight, Words } from './texts';

/** What the list of the inbox is about. */
export type View = { kind: 'all' } | { kind: 'unread' } | { kind: 'pinned' } | { kind: 'feed'; id: string };

export type Section = 'feeds' | 'general' | 'hub';

/** What the window shows. A feed without an id is one that is being added. */
export type Page =
  | { kind: 'inbox' }
  | { kind: 'hub' }
  | { kind: 'settings'; section: Section }
  | { kind: 'feed'; id: string };

/** How a feed's connection looks: routine reconnects look live. */
export type Look = 'live' | 'wait' | 'off' | 'bad';

/** One fact about all feeds, the worst one. */
export type Status =
  | { kind: 'none' }
  | { kind: 'off' }
  | { kind: 'bad'; feeds: FeedView[] }
  | { kind: 'paused'; until: number | null }
  | { kind: 'wait'; feeds: FeedView[] }
  | { kind: 'live'; heard: number | null };

/** A line at the bottom that goes away by itself. */
export interface Toast {
  text: string;
  bad: boolean;
  undo: (() => Promise<void>) | null;
}

/** A feed test that runs or ran. */
export interface Trial {
  running: boolean;
  /** The address as it was entered. */
  url: string;
  /** The steps that it will probably take. */
  planned: TestStep[];
  steps: Extract<TestUpdate, { kind: 'step' }>[];
  /** Newest first, at most 50. */
  events: (Extract<TestUpdate, { kind: 'event' }> & { at: number })[];
}

const TOAST_MS = 10_000;
const ANNOUNCE_MS = 5_000;
/** A connection that is away for less than this is not worth a different dot. */
const GRACE_MS = 3_000;
const MOST_TRIAL_EVENTS = 50;

/**
 * Everything the window knows and can do. State comes only from the notifier: an action is
 * sent, and what it changed is shown when the update that follows has been asked about.
 */
export class Model {
  app = $state.raw<AppView | null>(null);
  settings = $state.raw<SettingsView | null>(null);
  words = $state.raw(new Words(navigator.language.startsWith('zh') ? 'zh-CN' : 'en'));
  page = $state.raw<Page>({ kind: 'inbox' });
  view = $state.raw<View>({ kind: 'all' });
  unreadOnly = $state(false);
  search = $state('');
  rows = $state.raw<readonly MessageRow[]>([]);
  total = $state(0);
  /** False until the first page of the list has come. */
  loaded = $state(false);
  /** Grows with each other list: a place in one means nothing in the next. */
  list = $state(0);
  selected = $state<number | null>(null);
  detail = $state.raw<MessageDetail | null>(null);
  /** In one column: the detail covers the list. */
  opened = $state(false);
  /** In one column: the rail covers the page. */
  drawer = $state(false);
  /** Asked for while the page of the hub is open. */
  hub = $state.raw<HubLists | null>(null);
  trial = $state.raw<Trial | null>(null);
  toast = $state.raw<Toast | null>(null);
  /** For screen readers: new messages, in batches. */
  polite = $state('');
  /** For screen readers: a trouble, once. */
  assertive = $state('');
  now = $state(Date.now());
  /** Grows with each update that may mean a new event. */
  pulse = $state(0);
  /** The first query failed: nothing can be shown. */
  broken = $state.raw<Refusal | null>(null);

  status = $derived.by(() => this.#status());

  readonly #pages: Pages;
  readonly #askApp: () => Promise<void>;
  readonly #askInbox: () => Promise<void>;
  readonly #askSettings: () => Promise<void>;
  readonly #askDetail: () => Promise<void>;
  readonly #askHub: () => Promise<void>;
  readonly #lastLive = new Map<string, number>();
  #stopListening: (() => void) | null = null;
  #timers: ReturnType<typeof setInterval>[] = [];
  #toastTimer: ReturnType<typeof setTimeout> | undefined;
  #newest: number | null = null;
  #arrived = 0;
  #announceTimer: ReturnType<typeof setTimeout> | undefined;
  #saidTrouble = '';

  constructor(private readonly backend: Backend, private readonly extraTexts: (locale: string) => string[] = () => []) {
    this.#pages = new Pages((query) => backend.messages(query), () => this.#pagesChanged());
    this.#askApp = coalesced(async () => this.#appCame(await backend.app()));
    this.#askSettings = coalesced(async () => { this.settings = await backend.settings(); });
    this.#askInbox = coalesced(() => this.#pages.refresh(), 100);
    this.#askHub = coalesced(async () => {
      if (this.page.kind === 'hub') this.hub = await backend.hubLists();
    }, 250);
    this.#askDetail = coalesced(async () => {
      const id = this.selected;
      if (id === null) return;
      const detail = await backend.message(id);
      if (id !== this.selected) return;
      this.detail = detail;
      if (detail !== null) this.#pages.put(detail.row);
      else this.select(null);
    });
  }

  /** Listens first, so that nothing is missed between the first answers and the first update. */
  async start(): Promise<void> {
    try {
      this.#stopListening = await this.backend.listen((update) => this.#hear(update));
      await Promise.all([this.#askApp(), this.#askSettings(), this.#pages.open(this.#filter())]);
    } catch (error) {
      this.broken = refusal(error);
      return;
    }
    // What was heard last grows old without an update; counts and states do not.
    this.#timers = [
      setInterval(() => { this.now = Date.now(); }, 1000),
      setInterval(() => { if (!document.hidden) void this.#quietly(this.#askApp()); }, 15_000),
    ];
  }

  stop(): void {
    this.#stopListening?.();
    this.#timers.forEach(clearInterval);
    clearTimeout(this.#toastTimer);
    clearTimeout(this.#announceTimer);
  }

  t(id: string, args: Record<string, string | number> = {}): string { return this.words.t(id, args); }
  text(text: Text): string { return this.words.text(text); }

  /** What a gap row says. */
  gap({ from, to }: { from: number | null; to: number }): string {
    const { now, words } = this;
    if (from === null) return this.t('gap-before', { to: midnight(to) === midnight(now) ? words.time(to) : words.moment(to, now) });
    const sameDay = midnight(from) === midnight(to);
    return this.t('gap', { from: sameDay ? words.time(from) : words.moment(from, now), to: sameDay ? words.time(to) : words.moment(to, now) });
  }

  // Where the window is

  go(page: Page): void {
    if (this.page.kind === 'feed' && page.kind !== 'feed') this.dropTrial();
    if (page.kind !== 'inbox') this.opened = false;
    this.drawer = false;
    this.page = page;
    if (page.kind === 'hub') void this.#quietly(this.#askHub());
  }

  show(view: View): void {
    this.view = view;
    this.unreadOnly = false;
    this.search = '';
    this.go({ kind: 'inbox' });
    this.select(null);
    this.#reopen();
  }

  searchFor(search: string): void {
    this.search = search;
    this.#reopen();
  }

  onlyUnread(on: boolean): void {
    this.unreadOnly = on;
    this.#reopen();
  }

  clearFilters(): void {
    this.unreadOnly = false;
    this.search = '';
    this.#reopen();
  }

  get filtered(): boolean { return this.unreadOnly || this.search.trim() !== ''; }

  /** The view's heading. */
  get title(): string {
    return this.view.kind === 'feed' ? this.feed(this.view.id)?.name ?? this.view.id : this.t(`rail-${this.view.kind}`);
  }

  // The list

  /** Rows [first, end) are in view. */
  see(first: number, end: number): void { void this.#quietly(this.#pages.see(first, end)); }

  /** Moves the selection by rows; the message is shown, but not marked read. */
  move(by: number): void {
    if (this.rows.length === 0) return;
    const at = this.rows.findIndex((row) => row.id === this.selected);
    const to = at < 0 ? 0 : Math.min(this.rows.length - 1, Math.max(0, at + by));
    this.select(this.rows[to]!.id);
  }

  select(id: number | null): void {
    if (id === this.selected) return;
    this.selected = id;
    this.#pages.keep = id;
    if (id === null) this.opened = false;
    if (id === null) this.detail = null;
    else void this.#do(this.#askDetail());
  }

  /** Shows a message for reading. */
  open(id: number): void {
    this.select(id);
    this.opened = true;
    const row = this.rows.find((each) => each.id === id) ?? this.detail?.row;
    if (row === undefined || row.unread) this.markRead([id], true);
  }

  close(): void {
    if (this.opened) this.opened = false;
    else this.select(null);
  }

  markRead(ids: number[], read: boolean): void { void this.#do(this.backend.markRead({ ids, bursts: true }, read)); }

  markAllRead(): void {
    void this.#do(this.backend.bulk({ ...this.#filter(), before: null, limit: 0 }, 'read'));
  }

  pin(ids: number[], pinned: boolean): void { void this.#do(this.backend.pin({ ids, bursts: true }, pinned)); }

  /** Deletes, and goes on to the next row. */
  delete(ids: number[]): void {
    if (this.selected !== null && ids.includes(this.selected)) {
      const at = this.rows.findIndex((row) => row.id === this.selected);
      const rest = (row: MessageRow | undefined): row is MessageRow => row !== undefined && !ids.includes(row.id);
      const next = [...this.rows.slice(at + 1), ...this.rows.slice(0, at).reverse()].find(rest);
      this.select(this.opened ? null : next?.id ?? null);
    }
    void this.#do(this.backend.deleteMessages({ ids, bursts: true }).then(() => {
      this.say(this.t('toast-deleted', { n: ids.length }), () => this.backend.restoreMessages({ ids, bursts: true }));
    }));
  }

  openLink(id: number): void { void this.#do(this.backend.openLink(id)); }

  // Notifications and connections

  pause(until: number | null): void { void this.#do(this.backend.pause(until)); }
  resume(): void { void this.#do(this.backend.resume()); }
  reconnect(feed: string): void { void this.#do(this.backend.reconnect(feed)); }

  /** Eight in the morning of the next day. */
  get tomorrow(): number {
    const date = new Date(midnight(this.now));
    date.setDate(date.getDate() + 1);
    return date.setHours(8);
  }

  feed(id: string): FeedView | undefined { return this.app?.feeds.find((feed) => feed.id === id); }

  look(feed: FeedView): Look { return this.#look(feed.id, feed.state); }

  // Settings: each throws a refusal for its form to show

  async saveGeneral(form: GeneralForm): Promise<void> { await this.#asForm(this.backend.saveGeneral(form)); }
  async saveHub(form: HubForm): Promise<void> { await this.#asForm(this.backend.saveHub(form)); }
  async switchHub(mode: HubMode): Promise<void> { await this.#asForm(this.backend.switchHub(mode)); }
  /** What it gives is kept nowhere here: the page shows it once. */
  async createToken(form: TokenForm): Promise<NewTokenView> { return this.#asForm(this.backend.createToken(form)); }
  async saveFeed(form: FeedForm): Promise<string> { return this.#asForm(this.backend.saveFeed(form)); }
  async send(form: SendForm): Promise<void> { await this.#asForm(this.backend.send(form)); }
  async tryIt(): Promise<void> { await this.#asForm(this.backend.tryIt()); }

  revokeToken(id: string): void { void this.#do(this.backend.revokeToken(id)); }
  disconnect(id: number, ban: boolean): void { void this.#do(this.backend.disconnect(id, ban)); }
  unban(uid: string): void { void this.#do(this.backend.unban(uid)); }

  removeFeed(form: FeedForm): void {
    this.go({ kind: 'settings', section: 'feeds' });
    if (this.view.kind === 'feed' && this.view.id === form.id) {
      this.view = { kind: 'all' };
      this.#reopen();
    }
    void this.#do(this.backend.removeFeed(form.id).then(() => {
      this.say(this.t('toast-feed-deleted', { name: form.name }), async () => { await this.backend.saveFeed(form); });
    }));
  }

  /** The preset that an address looks like. Nobody waits for it, so a refusal is no answer. */
  async guessPreset(url: string): Promise<string | null> {
    try {
      return await this.backend.guessPreset(url);
    } catch {
      return null;
    }
  }

  /** The last events of a saved feed, newest first. */
  async recentEvents(feed: string): Promise<RecentEvent[]> { return this.#asForm(this.backend.recentEvents(feed)); }
  async preview(form: FeedForm, raw: RawEvent): Promise<Preview> { return this.#asForm(this.backend.preview(form, raw)); }
  async testMessage(feed: string): Promise<void> { await this.#asForm(this.backend.testMessage(feed)); }
  /** The newest message of a feed. */
  async newest(feed: string): Promise<MessageRow | null> {
    const page = await this.#asForm(this.backend.messages({
      feed, feeds: [], events: [], urgency: null, unread: false, pinned: false, done: false, search: '', burst: null, fold: false, before: null, limit: 1,
    }));
    return page.rows[0] ?? null;
  }

  async startTrial(form: FeedForm): Promise<void> {
    this.trial = { running: true, url: form.url, planned: planned(form), steps: [], events: [] };
    try {
      await this.#asForm(this.backend.testFeed(form));
    } catch (error) {
      this.trial = null;
      throw error;
    }
  }

  /** Ends a running test; what it showed stays. */
  stopTrial(): void {
    if (!this.trial?.running) return;
    void this.#quietly(this.backend.stopTest());
    this.trial = { ...this.trial, running: false };
  }

  /** The editor is left: its test goes with it. */
  dropTrial(): void {
    this.stopTrial();
    this.trial = null;
  }

  // Toasts

  say(text: string, undo: Toast['undo'] = null, bad = false): void {
    clearTimeout(this.#toastTimer);
    this.toast = { text, bad, undo };
    this.#toastTimer = setTimeout(() => { this.toast = null; }, TOAST_MS);
  }

  dismiss(): void {
    clearTimeout(this.#toastTimer);
    this.toast = null;
  }

  undo(): void {
    const undo = this.toast?.undo;
    if (!undo) return;
    this.dismiss();
    void this.#do(undo());
  }

  async copy(text: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      this.say(this.t('toast-copied'));
    } catch {
      this.say(this.t('toast-copy-refused'), null, true);
    }
  }

  // What came from the notifier

  #hear(update: WindowUpdate): void {
    if (update.kind === 'app' || update.kind === 'inbox') this.pulse += 1;
    switch (update.kind) {
      case 'app': void this.#quietly(this.#askApp()); break;
      case 'settings': void this.#quietly(this.#askSettings()); break;
      case 'desktop': break;
      case 'inbox':
        void this.#quietly(this.#askInbox());
        void this.#quietly(this.#askDetail());
        break;
      case 'test': this.#trialNews(update.update); break;
      case 'open':
        if (this.view.kind !== 'all' || this.filtered) this.show({ kind: 'all' });
        this.go({ kind: 'inbox' });
        if (update.message !== null) this.open(update.message);
        break;
      case 'page':
        if (update.page === 'settings') this.go({ kind: 'settings', section: 'feeds' });
        else this.go(update.page === 'hub' ? { kind: 'hub' } : { kind: 'inbox' });
        break;
    }
  }

  #appCame(app: AppView): void {
    this.now = Date.now();
    if (app.locale !== this.app?.locale) {
      this.words = new Words(app.locale, this.extraTexts(app.locale));
      document.documentElement.lang = this.words.locale;
    }
    for (const feed of app.feeds) if (feed.state.kind === 'live') this.#lastLive.set(feed.id, this.now);
    this.app = app;
    if (this.page.kind === 'hub') void this.#quietly(this.#askHub());
    const trouble = app.troubles[0] === undefined ? '' : this.text(app.troubles[0]);
    if (trouble !== this.#saidTrouble) this.assertive = trouble;
    this.#saidTrouble = trouble;
    if (this.view.kind === 'feed' && this.feed(this.view.id) === undefined) this.show({ kind: 'all' });
  }

  #pagesChanged(): void {
    if (!this.loaded) this.list += 1;
    this.rows = this.#pages.rows;
    this.total = Math.max(this.#pages.total, this.rows.length);
    this.loaded = true;
    const newest = this.rows[0]?.id;
    if (newest === undefined) return;
    if (this.#newest !== null && newest > this.#newest) {
      const before = this.#newest;
      this.#arrived += this.rows.filter((row) => row.id > before && row.kind.kind === 'event').length;
      this.#announceTimer ??= setTimeout(() => {
        this.polite = this.t('live-new', { n: this.#arrived });
        this.#arrived = 0;
        this.#announceTimer = undefined;
      }, ANNOUNCE_MS);
    }
    this.#newest = Math.max(this.#newest ?? 0, newest);
  }

  #trialNews(news: TestUpdate): void {
    const trial = this.trial;
    if (trial === null) return;
    if (news.kind === 'step') this.trial = { ...trial, steps: [...trial.steps, news] };
    else if (news.kind === 'event') {
      this.trial = { ...trial, events: [{ ...news, at: Date.now() }, ...trial.events].slice(0, MOST_TRIAL_EVENTS) };
    } else this.trial = { ...trial, running: false };
  }

  #filter(): Filter {
    return {
      feed: this.view.kind === 'feed' ? this.view.id : null,
      feeds: [],
      events: [],
      urgency: null,
      done: false,
      burst: null,
      fold: true,
      unread: this.unreadOnly || this.view.kind === 'unread',
      pinned: this.view.kind === 'pinned',
      search: this.search.trim(),
    };
  }

  #reopen(): void {
    this.loaded = false;
    // Arrivals are counted within one list.
    this.#newest = null;
    void this.#do(this.#pages.open(untrack(() => this.#filter())));
  }

  #look(id: string, state: FeedState): Look {
    if (state.kind === 'off' || state.kind === 'live') return state.kind;
    if (state.kind === 'stopped') return state.trouble ? 'bad' : 'off';
    if (state.kind === 'waiting' && state.trouble) return 'wait';
    return this.now - (this.#lastLive.get(id) ?? 0) < GRACE_MS ? 'live' : 'wait';
  }

  #status(): Status {
    const { app } = this;
    if (app === null || app.feeds.length === 0) return { kind: 'none' };
    const by = (look: Look): FeedView[] => app.feeds.filter((feed) => this.look(feed) === look);
    const bad = by('bad');
    if (bad.length > 0) return { kind: 'bad', feeds: bad };
    if (app.pause !== null) return { kind: 'paused', until: app.pause.until };
    const wait = by('wait');
    if (wait.length > 0) return { kind: 'wait', feeds: wait };
    const live = by('live');
    if (live.length === 0) return { kind: 'off' };
    const heard = live.flatMap((feed) => feed.last_heard ?? []);
    return { kind: 'live', heard: heard.length > 0 ? Math.max(...heard) : null };
  }

  /** For what the user asked for: a refusal is told. */
  async #do(work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.say(this.text(refusal(error).text), null, true);
    }
  }

  /** For what runs by itself: the next update asks again. */
  async #quietly(work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      console.warn('a refresh failed', error);
    }
  }

  async #asForm<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw refusal(error);
    }
  }
}

const KEY = Symbol('model');
export function provideModel(model: Model): Model { return setContext(KEY, model); }
export function useModel(): Model { return getContext(KEY); }
