import { getContext, setContext, untrack } from 'svelte';
import { refusal, type Backend } from './backend';
import type {
  AppView, Bulk, DesktopView, ExportFormat, Exported, FeedForm, FeedState, FeedView, GeneralForm, HubForm, HubLists, HubMode, Imported,
  MessageDetail, MessageRow, NewTokenView, Preview, RawEvent, RecentEvent, Refusal, SendForm, SettingsView, TestStep, TestUpdate, Text,
  TokenForm, Which, WindowUpdate,
} from './bindings';
import { planned } from './doctor';
import { coalesced } from './once';
import { EVERYTHING, Pages, type Filter } from './pages';
import { NO_FILTERS, parsePlace, type Anchor, type Filters, type Place, type View } from './place';
import { midnight, Words } from './texts';

export type { Filters, View } from './place';

/** The parts of the settings, in their order. */
export const SECTIONS = ['feeds', 'notifications', 'quiet', 'inbox', 'hub', 'appearance', 'system', 'advanced'] as const;
export type Section = (typeof SECTIONS)[number];

/** What the window shows. Settings without a section are their list; a feed without an id is one that is being added. */
export type Page =
  | { kind: 'inbox' }
  | { kind: 'hub' }
  | { kind: 'settings'; section: Section | null }
  | { kind: 'feed'; id: string };

/** How a feed's connection looks: routine reconnects look live. */
export type Look = 'live' | 'wait' | 'off' | 'bad';

/** One fact about all feeds, the worst one. */
export type Status =
  | { kind: 'none' }
  | { kind: 'off' }
  | { kind: 'bad'; feeds: FeedView[] }
  | { kind: 'paused'; until: number | null }
  | { kind: 'hours'; until: number }
  | { kind: 'system' }
  | { kind: 'wait'; feeds: FeedView[] }
  | { kind: 'live'; heard: number | null };

/** A line at the bottom that goes away by itself. */
export interface Toast {
  text: string;
  bad: boolean;
  undo: (() => Promise<void>) | null;
  /** One more thing that can be done about it. */
  more: { label: string; act: () => void } | null;
}

/** The messages of the burst that is read, newest first. */
export interface BurstView {
  rows: readonly MessageRow[];
  total: number;
}

/** What an import brought, until the person has read it. */
export interface Arrival extends Imported {
  /** The names of the new feeds. */
  names: string[];
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
const MOST_UNDOS = 20;
const PLACE_MS = 400;
/** A file of feeds is text of a few kilobytes. */
const LARGEST_IMPORT = 1_000_000;

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
  filters = $state.raw<Filters>(NO_FILTERS);
  search = $state('');
  /** Event names that the list can be filtered by. */
  events = $state.raw<readonly string[]>([]);
  rows = $state.raw<readonly MessageRow[]>([]);
  total = $state(0);
  /** There are more than `total`. */
  atLeast = $state(false);
  /** False until the first page of the list has come. */
  loaded = $state(false);
  /** Grows with each other list: a place in one means nothing in the next. */
  list = $state(0);
  selected = $state<number | null>(null);
  detail = $state.raw<MessageDetail | null>(null);
  /** The picture of the message being read, as a data URL. */
  icon = $state<string | null>(null);
  /** Set while the selected row stands for more than one message. */
  burst = $state.raw<BurstView | null>(null);
  /** The message of that burst that is read alone. */
  part = $state<number | null>(null);
  /** In one column: the detail covers the list. */
  opened = $state(false);
  /** In one column: the rail covers the page. */
  drawer = $state(false);
  /** Asked for while the page of the hub is open. */
  hub = $state.raw<HubLists | null>(null);
  trial = $state.raw<Trial | null>(null);
  desktop = $state.raw<DesktopView | null>(null);
  arrival = $state.raw<Arrival | null>(null);
  /** The command palette is open. */
  palette = $state(false);
  /** The person has read that this desktop shows no tray icons. */
  trayless = $state(false);
  /** Everything for the first picture is there. */
  ready = $state(false);
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
  /** The list's row of what is selected. */
  row = $derived(this.rows.find((row) => row.id === this.selected) ?? null);
  /** What keys and commands act on: the message that is read, or the burst. */
  current = $derived(this.part === null ? this.row ?? this.detail?.row ?? null : this.burst?.rows.find((row) => row.id === this.part) ?? null);

  readonly #pages: Pages;
  readonly #askApp: () => Promise<void>;
  readonly #askInbox: () => Promise<void>;
  readonly #askSettings: () => Promise<void>;
  readonly #askDetail: () => Promise<void>;
  readonly #askHub: () => Promise<void>;
  readonly #askDesktop: () => Promise<void>;
  readonly #parts: Pages;
  readonly #lastLive = new Map<string, number>();
  #stopListening: (() => void) | null = null;
  #timers: ReturnType<typeof setInterval>[] = [];
  #toastTimer: ReturnType<typeof setTimeout> | undefined;
  #newest: number | null = null;
  #arrived = 0;
  #announceTimer: ReturnType<typeof setTimeout> | undefined;
  #saidTrouble = '';
  #undos: { text: string; undo: () => Promise<void> }[] = [];
  #anchor: Anchor | null = null;
  #placeTimer: ReturnType<typeof setTimeout> | undefined;
  #keptPlace = '';

  constructor(readonly backend: Backend, private readonly extraTexts: (locale: string) => string[] = () => []) {
    this.#pages = new Pages((query) => backend.messages(query), () => this.#pagesChanged());
    this.#askApp = coalesced(async () => this.#appCame(await backend.app()));
    this.#askSettings = coalesced(async () => { this.settings = await backend.settings(); });
    this.#parts = new Pages((query) => backend.messages(query), () => this.#partsChanged());
    this.#askInbox = coalesced(async () => {
      // A burst that grew has another row: the selection moves on to it before the list drops the old one.
      if (this.burst !== null) await this.#parts.refresh();
      await this.#pages.refresh();
      this.#findBurst();
    }, 100);
    this.#askDesktop = coalesced(async () => { this.desktop = await backend.desktop(); });
    this.#askHub = coalesced(async () => {
      if (this.page.kind === 'hub') this.hub = await backend.hubLists();
    }, 250);
    this.#askDetail = coalesced(async () => {
      const id = this.part ?? this.selected;
      if (id === null) return;
      const detail = await backend.message(id);
      if (id !== (this.part ?? this.selected)) return;
      if (detail === null) {
        if (this.part === null) this.select(null);
        else this.closePart();
        return;
      }
      const other = this.detail?.row.id !== id;
      this.detail = detail;
      // The row of a burst says more than that of its newest message.
      if (this.row?.id === id && this.row.count === 1 && detail.row.count === 1) this.#pages.put(detail.row);
      if (!other) return;
      this.icon = null;
      const icon = await backend.icon(id).catch(() => null);
      if (id === (this.part ?? this.selected) && icon?.startsWith('data:image/')) this.icon = icon;
    });
  }

  /** Listens first, so that nothing is missed between the first answers and the first update. */
  async start(): Promise<void> {
    try {
      this.#stopListening = await this.backend.listen((update) => this.#hear(update));
      const place = this.backend.lastPlace().catch(() => null);
      await Promise.all([this.#askApp(), this.#askSettings(), this.#quietly(this.#askDesktop())]);
      await this.#findPlace(parsePlace(await place));
    } catch (error) {
      this.broken = refusal(error);
      return;
    }
    this.ready = true;
    document.addEventListener('visibilitychange', this.#hidden);
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
    clearTimeout(this.#placeTimer);
    document.removeEventListener('visibilitychange', this.#hidden);
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

  /** Who is behind a row: the latest by name, the rest by number. Empty if nobody is named. */
  people({ actors, others }: MessageRow): string {
    if (actors.length < 2) return actors[0] === undefined || others === 0 ? actors[0] ?? '' : this.t('row-actors', { names: actors[0], n: others });
    const rest = others + actors.length - 2;
    return rest === 0 ? this.words.list(actors) : this.t('row-actors', { names: actors.slice(0, 2).join(this.t('row-names-comma')), n: rest });
  }

  // Where the window is

  go(page: Page): void {
    if (this.page.kind === 'feed' && page.kind !== 'feed') this.dropTrial();
    if (page.kind !== 'inbox') this.opened = false;
    this.drawer = false;
    this.page = page;
    this.#moved();
    if (page.kind === 'hub') void this.#quietly(this.#askHub());
  }

  show(view: View): void {
    this.view = view;
    this.filters = NO_FILTERS;
    this.search = '';
    this.go({ kind: 'inbox' });
    this.select(null);
    this.#reopen();
  }

  searchFor(search: string): void {
    this.search = search;
    this.#reopen();
  }

  filterBy(change: Partial<Filters>): void {
    const next = { ...this.filters, ...change };
    if (change.done) this.filters = { ...next, unread: false };
    else this.filters = change.unread ? { ...next, done: false } : next;
    this.#reopen();
  }

  onlyUnread(on: boolean): void { this.filterBy({ unread: on }); }

  clearFilters(): void {
    this.filters = NO_FILTERS;
    this.search = '';
    this.#reopen();
  }

  get filtered(): boolean {
    const { unread, done, feeds, events, urgency } = this.filters;
    return unread || done || feeds.length > 0 || events.length > 0 || urgency !== null || this.search.trim() !== '';
  }

  /** Asks which event names there are. */
  askEvents(): void {
    void this.#quietly(this.backend.facets(this.view.kind === 'feed' ? [this.view.id] : [...this.filters.feeds]).then(({ events }) => { this.events = events; }));
  }

  /** The view's heading. */
  get title(): string {
    return this.view.kind === 'feed' ? this.feed(this.view.id)?.name ?? this.view.id : this.t(`rail-${this.view.kind}`);
  }

  // The list

  /** Rows [first, end) are in view. */
  see(first: number, end: number): void { void this.#quietly(this.#pages.see(first, end)); }

  /** The row at the top of the list; null: the list's own top. */
  get anchor(): Anchor | null { return this.#anchor; }

  scrolled(to: Anchor | null): void {
    this.#anchor = to;
    this.#moved();
  }

  /** Moves the selection by rows; the message is shown, but not marked read. */
  move(by: number): void {
    if (this.rows.length === 0) return;
    const at = this.rows.findIndex((row) => row.id === this.selected);
    const from = at >= 0 ? at : by > 0 ? -1 : 0;
    const to = Math.min(this.rows.length - 1, Math.max(0, from + by));
    this.select(this.rows[to]!.id);
  }

  select(id: number | null): void {
    if (id === this.selected) return;
    this.selected = id;
    this.part = null;
    this.burst = null;
    this.icon = null;
    this.#pages.keep = id;
    this.#moved();
    if (id === null) {
      this.opened = false;
      this.detail = null;
      return;
    }
    this.#findBurst();
    void this.#do(this.#askDetail());
  }

  /** Shows a message for reading. */
  open(id: number): void {
    this.select(id);
    this.opened = true;
    const row = this.row ?? this.detail?.row;
    if (row?.id !== id) this.#mark({ ids: [id], bursts: false }, true);
    else if (row.unread) this.markRead(row, true);
  }

  /** Shows one message of the burst that is read. */
  openPart(row: MessageRow): void {
    this.part = row.id;
    this.opened = true;
    void this.#do(this.#askDetail());
    if (row.unread) this.markRead(row, true);
  }

  /** Back to the burst. */
  closePart(): void {
    this.part = null;
    void this.#do(this.#askDetail());
  }

  /** Loads further messages of the burst. */
  moreParts(): void {
    const { length } = this.#parts.rows;
    void this.#do(this.#parts.see(length - 1, length));
  }

  close(): void {
    if (this.part !== null) this.closePart();
    else if (this.opened) {
      this.opened = false;
      this.#moved();
    } else this.select(null);
  }

  markRead(row: MessageRow, read: boolean): void {
    if (row.kind.kind === 'event') this.#mark(which(row), read);
  }

  pin(row: MessageRow, pinned: boolean): void { void this.#do(this.backend.pin(which(row), pinned)); }

  /** Out of the usual lists, or back; and on to the next row. */
  done(row: MessageRow, done: boolean): void {
    const meant = which(row);
    // A list of matches shows what is done, too.
    if (this.search.trim() === '') this.#leave(row);
    void this.#do(this.backend.setDone(meant, done).then(() => {
      this.say(this.t(done ? 'toast-done' : 'toast-not-done', { n: row.count }), async () => {
        await this.backend.setDone(meant, !done);
        if (done && row.unread) await this.backend.markRead(meant, false);
      });
    }));
  }

  /** Deletes, and goes on to the next row. */
  delete(row: MessageRow): void {
    const meant = which(row);
    this.#leave(row);
    void this.#do(this.backend.deleteMessages(meant).then(() => {
      this.say(this.t('toast-deleted', { n: row.count }), () => this.backend.restoreMessages(meant));
    }));
  }

  markAllRead(feed: string | null = null): void { this.#all('read', feed); }
  markAllDone(): void { this.#all('done', null); }

  /** Writes what the list shows into a file. */
  export(format: ExportFormat): void {
    void this.#do(this.backend.exportMessages({ ...this.#filter(), fold: false, before: null, limit: 0 }, format).then((file) => {
      this.sayExported(file);
    }));
  }

  /** Names a file that was written. */
  sayExported({ path, count }: Exported): void {
    const name = path.split(/[\\/]/).at(-1) ?? path;
    this.say(this.t('toast-exported', { n: count, name }), null, false, {
      label: this.t('action-show-in-folder'), act: () => { void this.#do(this.backend.openFolder(path)); },
    });
  }

  openLink(id: number): void { void this.#do(this.backend.openLink(id)); }

  /** Does what the message at `place` of its actions offers. */
  act(id: number, place: number): void {
    void this.#do(this.backend.act(id, place).then((deed) => {
      if (deed.kind === 'copy') this.say(this.t('toast-copied'));
      else if (deed.kind === 'asked') this.say(this.text(deed.text));
    }));
  }

  // Notifications and connections

  pause(until: number | null): void {
    const before = this.app?.pause ?? null;
    void this.#do(this.backend.pause(until).then(() => {
      const said = until === null ? this.t('toast-paused') : this.t('status-paused-until', { time: this.words.until(until, this.now) });
      this.say(said, () => (before === null ? this.backend.resume() : this.backend.pause(before.until)));
    }));
  }

  resume(): void {
    const before = this.app?.pause ?? null;
    void this.#do(this.backend.resume().then(() => {
      if (before !== null) this.say(this.t('toast-resumed'), () => this.backend.pause(before.until));
    }));
  }

  reconnect(feed: string): void {
    void this.#do(this.backend.reconnect(feed).then(() => this.say(this.t('toast-reconnecting', { name: this.feed(feed)?.name ?? feed }))));
  }

  /** `until` in milliseconds since the epoch; null: for good. */
  mute(feed: FeedView, until: number | null): void {
    void this.#do(this.backend.mute(feed.id, until).then(() => {
      const { name } = feed;
      const said = until === null ? this.t('toast-muted', { name }) : this.t('toast-muted-until', { name, time: this.words.until(until, this.now) });
      this.say(said, () => (feed.muted ? this.backend.mute(feed.id, feed.muted_until) : this.backend.unmute(feed.id)));
    }));
  }

  unmute(feed: FeedView): void {
    void this.#do(this.backend.unmute(feed.id).then(() => {
      this.say(this.t('toast-unmuted', { name: feed.name }), () => this.backend.mute(feed.id, feed.muted_until));
    }));
  }

  sendTest(feed: string): void { void this.#do(this.backend.testMessage(feed)); }

  /** Eight in the morning of the next day. */
  get tomorrow(): number {
    const date = new Date(midnight(this.now));
    date.setDate(date.getDate() + 1);
    return date.setHours(8);
  }

  feed(id: string): FeedView | undefined { return this.app?.feeds.find((feed) => feed.id === id); }

  look(feed: FeedView): Look { return this.#look(feed.id, feed.state); }

  // Settings: each throws a refusal for its form to show

  /** Resolves once the settings are shown as they are now. */
  async refreshSettings(): Promise<void> { await this.#quietly(this.#askSettings()); }
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

  /** The same from where there is no form: told, and with its way back. */
  change(change: Partial<GeneralForm>): void {
    const before = this.settings?.general;
    if (before === undefined) return;
    void this.#do(this.backend.saveGeneral({ ...before, ...change }).then(() => {
      this.say(this.t('toast-settings-saved'), () => this.backend.saveGeneral(before));
    }));
  }

  /** Adds the feeds of a file; what came is told until it is read. */
  async importFile(file: File): Promise<void> {
    if (file.size > LARGEST_IMPORT) throw { text: { id: 'ui-import-too-large', args: { name: file.name } }, fields: [] } satisfies Refusal;
    const brought = await this.#asForm(file.text().then((text) => this.backend.importFeeds(text)));
    await this.#quietly(Promise.all([this.#askApp(), this.#askSettings()]));
    this.arrival = { ...brought, names: brought.feeds.map((id) => this.feed(id)?.name ?? id) };
    this.#undoable(this.t('import-came', { n: brought.feeds.length }), () => this.undoImport(brought));
  }

  async undoImport({ feeds }: Imported): Promise<void> {
    this.arrival = null;
    for (const id of feeds) await this.backend.removeFeed(id);
  }

  setAutostart(on: boolean): void { void this.#do(this.backend.setAutostart(on)); }
  introduced(): void { void this.#do(this.backend.introduced()); }

  /** The person knows that this desktop shows no tray icons. */
  knowsTrayless(): void {
    this.trayless = true;
    this.#moved();
  }

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

  say(text: string, undo: Toast['undo'] = null, bad = false, more: Toast['more'] = null): void {
    clearTimeout(this.#toastTimer);
    this.toast = { text, bad, undo, more };
    if (undo !== null) this.#undoable(text, undo);
    this.#toastTimer = setTimeout(() => { this.toast = null; }, TOAST_MS);
  }

  dismiss(): void {
    clearTimeout(this.#toastTimer);
    this.toast = null;
  }

  /** Takes back the last thing that can be. Its toast may be gone, so this names it. */
  undo(): void {
    const last = this.#undos.pop();
    if (last === undefined) return;
    void this.#do(last.undo().then(() => this.say(this.t('toast-undone', { what: last.text }))));
  }

  /** For what the user asked for: a refusal is told. */
  attempt(work: Promise<unknown>): Promise<void> { return this.#do(work); }

  /** Onto the clipboard. */
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
      case 'desktop': void this.#quietly(this.#askDesktop()); break;
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
        if (update.page === 'settings') this.go({ kind: 'settings', section: null });
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
    document.documentElement.dataset.theme = app.theme;
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
    this.atLeast = this.#pages.atLeast;
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
    const { unread, done, feeds, events, urgency } = this.filters;
    return {
      ...EVERYTHING,
      feed: this.view.kind === 'feed' ? this.view.id : null,
      feeds: [...feeds],
      events: [...events],
      urgency,
      done,
      unread: unread || this.view.kind === 'unread',
      pinned: this.view.kind === 'pinned',
      search: this.search.trim(),
    };
  }

  #reopen(): void {
    this.loaded = false;
    // Arrivals are counted within one list.
    this.#newest = null;
    this.#anchor = null;
    this.#moved();
    void this.#do(this.#pages.open(untrack(() => this.#filter())));
  }

  #mark(meant: Which, read: boolean): void { void this.#do(this.backend.markRead(meant, read)); }

  #all(what: Extract<Bulk, 'read' | 'done'>, feed: string | null): void {
    const query = feed === null ? this.#filter() : { ...EVERYTHING, feed };
    void this.#do(this.backend.bulk({ ...query, before: null, limit: 0 }, what).then((done) => {
      if (done.count === 0) this.say(this.t(`toast-all-${what}-none`));
      else this.say(this.t(`toast-all-${what}`, { n: done.count }), () => this.backend.undoBulk(done));
    }));
  }

  /** The row is about to leave the list: the next one is selected. */
  #leave({ id }: MessageRow): void {
    if (id === this.part) {
      this.closePart();
      return;
    }
    if (id !== this.selected) return;
    const at = this.rows.findIndex((row) => row.id === id);
    const next = this.rows[at + 1] ?? this.rows[at - 1];
    // Back at the list where it is a page of its own; the keys go on from here.
    this.opened = false;
    this.select(next?.id ?? null);
  }

  #undoable(text: string, undo: () => Promise<void>): void { this.#undos = [...this.#undos, { text, undo }].slice(-MOST_UNDOS); }

  /** Asks for the messages of the selected row if it stands for several. */
  #findBurst(): void {
    const { row } = this;
    if (row === null || this.burst !== null || row.count === 1) return;
    this.burst = { rows: [], total: row.count };
    void this.#do(this.#parts.open({ ...EVERYTHING, burst: row.id, fold: false, done: row.done }));
  }

  #partsChanged(): void {
    const { filter, rows, total } = this.#parts;
    if (this.burst === null || this.selected === null || filter.burst === null) return;
    this.burst = { rows, total: Math.max(total, rows.length) };
    const newest = rows[0]?.id;
    if (newest === undefined || newest <= this.selected || !rows.some((row) => row.id === this.selected)) return;
    this.selected = newest;
    this.#pages.keep = newest;
    this.#moved();
  }

  // Where the window was

  async #findPlace(place: Place | null): Promise<void> {
    if (place === null) return this.#pages.open(this.#filter());
    const known = place.view.kind !== 'feed' || this.feed(place.view.id) !== undefined;
    this.view = known ? place.view : { kind: 'all' };
    this.filters = place.filters;
    this.search = place.search;
    this.trayless = place.trayless;
    const [kind, detail] = place.page;
    const section = SECTIONS.find((one) => one === detail);
    if (kind === 'hub') this.go({ kind });
    else if (kind === 'settings') this.go({ kind, section: section ?? null });
    else if (kind === 'feed' && this.feed(detail) !== undefined) this.go({ kind, id: detail });
    this.#anchor = known ? place.anchor : null;
    await this.#pages.open(this.#filter(), known ? place.anchor?.id ?? null : null);
    if (place.selected === null || !known) return;
    this.select(place.selected);
    this.opened = place.opened;
  }

  /** Something that `Place` holds has changed. */
  #moved(): void {
    if (!this.ready) return;
    clearTimeout(this.#placeTimer);
    this.#placeTimer = setTimeout(() => this.#keepPlace(), PLACE_MS);
  }

  #keepPlace(): void {
    clearTimeout(this.#placeTimer);
    const { page } = this;
    const place: Place = {
      page: [page.kind, page.kind === 'settings' ? page.section ?? '' : page.kind === 'feed' ? page.id : ''],
      view: this.view, filters: this.filters, search: this.search, selected: this.selected, opened: this.opened,
      anchor: this.#anchor, trayless: this.trayless,
    };
    const text = JSON.stringify(place);
    if (text === this.#keptPlace) return;
    this.#keptPlace = text;
    void this.#quietly(this.backend.keepPlace(text));
  }

  /** The window may be gone before the timer fires. */
  readonly #hidden = (): void => { if (document.hidden) this.#keepPlace(); };

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
    const quiet = app.quiet.now;
    if (quiet !== null) return quiet;
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

/** A row and all that it stands for. */
function which({ id, count }: MessageRow): Which { return { ids: [id], bursts: count > 1 }; }

const KEY = Symbol('model');
export function provideModel(model: Model): Model { return setContext(KEY, model); }
export function useModel(): Model { return getContext(KEY); }
