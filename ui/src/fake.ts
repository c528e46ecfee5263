import type { Backend } from './backend';
import type {
  AppView, Bulk, BulkDone, Deed, DesktopView, Erase, ExportFormat, Exported, Facets, FeedForm, FeedState, FieldError, GeneralForm,
  HubLists, HubMode, HubState, Imported, MessageDetail, MessagePage, MessageQuery, MessageRow, NewTokenView, Preview, Quiet, QuietHours,
  RawEvent, RecentEvent, Refusal, SecretForm, SendForm, SettingsView, TestOutcome, TestStep, Text, Theme, TokenForm, Which, WindowUpdate,
} from './bindings';
import { judge } from './fake-rules';
import { usualConnection, usualGeneral, usualNotification } from './forms';
import { nextStart, spansOf } from './week';

export const SCENES = ['full', 'hours', 'system', 'trayless', 'first', 'quiet', 'trouble', 'paused', 'many', 'deaf', 'lan', 'lan-first', 'lan-full', 'lan-away', 'slow'] as const;
export type Scene = (typeof SCENES)[number];

export interface FakeOptions {
  scene?: Scene;
  locale?: 'en' | 'zh-CN';
  theme?: Theme;
  /** Synthetic rows below the written ones. */
  rows?: number;
  now?: number;
}

/** Texts that the notifier would bring along: the sample data's own. */
export const FAKE_TEXTS = {
  en: `
fake-refused-token = Build farm refused the token. Enter a new one.
fake-lost = The connection broke: the server closed it.
fake-url = Enter an address that begins with http:// or https://.
fake-form = The feed was not saved: see the fields below.
fake-title = This template does not compile: unexpected end.
fake-quiet = Kept silently, quiet hours
    .lead = Kept silently
fake-paused = Kept silently, paused
fake-action-off = Requests to servers are off for this feed.
fake-asked = build.example answered with 202.
fake-port = Port 2355 is taken by another program. Choose another port for the hub.
fake-step-access = The token is in the keyring
fake-step-name = { $host } is 203.0.113.20
fake-step-connect = Port { $port } answers
fake-step-tls = TLS 1.3, certificate valid until 4 March
fake-step-proxy = Through { $proxy }
fake-step-answer = Status 200
fake-step-content-type = text/event-stream
fake-step-first-byte = A comment
fake-step-keep-alive = Nothing for 15 s. A proxy in between may close the connection.
fake-step-first-event = “like”, with the id 8f3c.10542
fake-step-resume = Went on after 8f3c.10542 without a gap
trouble-fake-down = Nothing answers at { $host }. Check that the server runs, and the port in the address.
fake-proxy = Enter a proxy that begins with http://, https:// or socks5://.
fake-general = The settings were not saved: see the field below.
fake-shortcut = Another program has { $keys }. Choose other keys.
fake-import = This is no list of feeds. Choose a file that Feedbell exported.
fake-import-same = Home ntfy is here already, so it was left out.
fake-plain = This address is not encrypted. Allow it, or use https.
fake-p-likes = Likes
fake-p-likes-about = Site messages for one user: likes, favorites and notices.
fake-p-ntfy = ntfy
fake-p-ntfy-about = A topic on an ntfy server, with its titles, priorities and links.
fake-p-wikimedia = Wikimedia
fake-p-wikimedia-about = Every change of every wiki, many a second.
`,
  'zh-CN': `
fake-refused-token = 构建服务器拒绝了令牌。请输入新的令牌。
fake-lost = 连接中断：服务器关闭了连接。
fake-url = 请输入以 http:// 或 https:// 开头的地址。
fake-form = 订阅源未保存，请查看下面的字段。
fake-title = 模板无法编译：意外结束。
fake-quiet = 免打扰时段，已静默保存
    .lead = 已静默保存
fake-paused = 已暂停，已静默保存
fake-action-off = 此订阅源未允许向服务器发送请求。
fake-asked = build.example 的应答是 202。
fake-port = 端口 2355 已被其他程序占用。请为广播站选择其他端口。
fake-step-access = 令牌在系统密钥环中
fake-step-name = { $host } 的地址是 203.0.113.20
fake-step-connect = 端口 { $port } 有应答
fake-step-tls = TLS 1.3，证书有效期至 3 月 4 日
fake-step-proxy = 经由 { $proxy }
fake-step-answer = 状态 200
fake-step-content-type = text/event-stream
fake-step-first-byte = 一条注释
fake-step-keep-alive = 15 秒内没有数据。中间的代理可能会关闭连接。
fake-step-first-event = “like”，ID 为 8f3c.10542
fake-step-resume = 从 8f3c.10542 之后继续，没有缺口
trouble-fake-down = { $host } 没有应答。请检查服务器是否在运行，以及地址中的端口。
fake-proxy = 请输入以 http://、https:// 或 socks5:// 开头的代理。
fake-general = 设置未保存，请查看下面的字段。
fake-shortcut = { $keys } 已被其他程序占用。请换一组按键。
fake-import = 这不是订阅源列表。请选择由 Feedbell 导出的文件。
fake-import-same = 家庭 ntfy 已存在，未导入。
fake-plain = 该地址没有加密。请允许，或改用 https。
fake-p-likes = 点赞
fake-p-likes-about = 发给某个用户的站内信：点赞、收藏和通知。
fake-p-ntfy = ntfy
fake-p-ntfy-about = ntfy 服务器上的一个主题，带标题、优先级和链接。
fake-p-wikimedia = 维基媒体
fake-p-wikimedia-about = 所有维基的每次修改，每秒很多条。
`,
};

interface Sample {
  feed: string; ago: number; event: string; title: string; excerpt: string;
  unread?: boolean; pinned?: boolean; high?: boolean; silenced?: string; gap?: number;
  actors?: string[]; others?: number;
  /** Titles of the messages of a burst, the newest first; repeated until there are `count`. */
  burst?: string[]; count?: number;
}

type FakeStep = [step: TestStep, text: Text, outcome?: TestOutcome, ms?: number];

const URGENCIES = ['low', 'normal', 'high', 'urgent'];
const minute = 60_000;
/** Quiet at night, later towards the weekend. */
const NIGHTS: QuietHours[] = [
  { days: [1, 2, 3, 4, 7], from: 1320, until: 480 }, { days: [5, 6], from: 1410, until: 600 },
];
const plain = (id: string, args: Text['args'] = {}): Text => ({ id, args });
const refuse = (text: Text, fields: FieldError[] = []): Refusal => ({ text, fields });

/** A notifier that never was: the same questions and answers over sample data. */
export class Fake implements Backend {
  readonly scene: Scene;
  /** How often each question was asked. */
  readonly asked: Record<string, number> = {};
  /** Set: every question is answered by this. */
  refusing: Refusal | null = null;
  #hear: (update: WindowUpdate) => void = () => undefined;
  #locale: 'en' | 'zh-CN';
  #auto: 'en' | 'zh-CN';
  #now: number;
  #rows: MessageRow[] = [];
  #deleted = new Map<number, MessageRow>();
  #undo: MessageRow[] = [];
  /** The messages of a burst, by the id of its newest. */
  #bursts = new Map<number, MessageRow[]>();
  #muted = new Map<string, number>();
  #desktop: DesktopView = { tray: true, autostart: false, shortcut_trouble: null, newcomer: true, logs: '/home/ada/.local/state/feedbell', data: '/home/ada/.local/share/feedbell' };
  #place: string | null = null;
  #next = 1;
  #pause: AppView['pause'] = null;
  #settings: SettingsView;
  #testing = 0;
  #recent: { raw: RawEvent; received: number }[];
  #hub: HubLists = { listening: [], tokens: [], bans: [] };

  constructor({ scene = 'full', locale = 'en', theme = 'system', rows = 0, now = Date.now() }: FakeOptions = {}) {
    this.scene = scene;
    this.#locale = this.#auto = locale;
    this.#now = now;
    const full = scene !== 'first';
    this.#settings = {
      general: { ...usualGeneral(), theme, keep_days: 30, quiet: { ...usualGeneral().quiet, on: true, hours: structuredClone(NIGHTS) } }, hub: { on: true, listen: '127.0.0.1:2355', allow_origins: ['http://localhost:3000'], tls: 'off' },
      feeds: full ? this.#feeds() : [], path: '/home/ada/.config/feedbell/settings.toml', errors: [],
      presets: [
        { id: 'likes', name: plain('fake-p-likes'), about: plain('fake-p-likes-about'), example: 'http://localhost:3000/push?uid=1', access: 'none', muted: false, history: false },
        { id: 'ntfy', name: plain('fake-p-ntfy'), about: plain('fake-p-ntfy-about'), example: 'https://ntfy.example/door/sse', access: 'bearer', muted: false, history: true },
        { id: 'wikimedia', name: plain('fake-p-wikimedia'), about: plain('fake-p-wikimedia-about'), example: 'https://stream.wikimedia.example/v2/stream/recentchange', access: 'none', muted: true, history: true },
      ],
    };
    if (scene.startsWith('lan')) this.#settings.hub = { ...this.#settings.hub, listen: '0.0.0.0:2355', tls: scene === 'lan-full' ? 'on' : 'off' };
    if (full && scene !== 'quiet' && scene !== 'lan-first') this.#hub = this.#lists();
    if (scene === 'deaf') this.#settings.errors = [{ field: 'feed.2.url', text: plain('fake-url') }];
    if (scene === 'trayless') this.#desktop = { ...this.#desktop, tray: false };
    if (scene === 'paused') this.#pause = { until: now + 62 * minute };
    this.#recent = full ? this.#events() : [];
    this.#synthesize(rows);
    if (full && scene !== 'quiet') this.#write(this.#samples());
  }

  listen(hear: (update: WindowUpdate) => void): Promise<() => void> {
    this.#hear = hear;
    return Promise.resolve(() => { this.#hear = () => undefined; });
  }

  /** Says something to the window. */
  say(update: WindowUpdate): void { this.#hear(update); }

  /** One more message. */
  arrive(title: string, feed = 'journal', event = 'like'): number {
    this.#write([{ feed, ago: 0, event, title, excerpt: '', unread: true }]);
    this.say({ kind: 'inbox' });
    this.say({ kind: 'app' });
    return this.#rows[0]!.id;
  }

  app(): Promise<AppView> {
    return this.#answer('app', (): AppView => ({
      version: '0.1.0', locale: this.#locale, trying: this.scene === 'first',
      theme: this.#settings.general.theme, tray_count: this.#settings.general.tray_count, latest: [],
      quiet: { now: this.#quiet(), next: this.#nextQuiet(), breakthrough: this.#settings.general.quiet.breakthrough },
      unread: this.#rows.filter((row) => row.unread).length,
      pinned: this.#rows.filter((row) => row.pinned).length,
      feeds: this.#settings.feeds.map((form, i) => ({
        id: form.id, name: form.name, address: form.url.split('?')[0] ?? '', muted: form.muted || this.#muted.has(form.id), muted_until: this.#muted.get(form.id) ?? null, state: this.#state(form, i),
        unread: this.#rows.filter((row) => row.feed === form.id && row.unread).length,
        last_heard: form.enabled ? Date.now() - 3000 : null,
      })),
      hub: {
        state: this.#hubState(), mode: this.#hubMode(), max: this.scene === 'lan-full' ? 120 : 500, keep_days: 7,
        subscribers: !this.#settings.hub.on ? 0 : this.scene === 'lan-full' ? 120 : this.#hub.listening.length, events: this.scene === 'lan-first' ? 0 : 1284,
      },
      pause: this.#pause,
      troubles: this.scene === 'trouble' ? [plain('fake-refused-token')] : this.scene === 'deaf' ? [plain('fake-port')] : [],
    }));
  }

  messages(query: MessageQuery): Promise<MessagePage> {
    return this.#answer('messages', () => {
      if (query.burst !== null) {
        const parts = [...this.#bursts.values()].find((all) => all.some((row) => row.id === query.burst)) ?? [];
        return { rows: parts.filter((row) => query.before === null || row.id < query.before).slice(0, query.limit), total: parts.length, at_least: false };
      }
      const words = query.search.toLowerCase().split(/\s+/).filter(Boolean);
      const match = (row: MessageRow): boolean => this.#in(query, row) && (query.events.length === 0 || query.events.includes(row.event))
        && (query.urgency === null || URGENCIES.indexOf(row.urgency) >= URGENCIES.indexOf(query.urgency)) && (words.length > 0 || row.done === query.done)
        && (!query.unread || row.unread) && (!query.pinned || row.pinned)
        && words.every((word) => `${row.title} ${row.excerpt} ${row.feed_name}`.toLowerCase().includes(word));
      const matching = this.#rows.filter(match);
      const from = query.before === null ? 0 : matching.findIndex((row) => row.id < query.before!);
      return { rows: from < 0 ? [] : matching.slice(from, from + query.limit), total: matching.length, at_least: false };
    });
  }

  message(id: number): Promise<MessageDetail | null> {
    return this.#answer('message', () => {
      const row = [...this.#bursts.values()].flat().find((each) => each.id === id) ?? this.#rows.find((each) => each.id === id);
      if (row === undefined) return null;
      const zh = this.#locale === 'zh-CN';
      const gap = row.kind.kind === 'gap';
      const data = JSON.stringify(zh ? { actor: '陈默', post: '《发布日手记》' } : { actor: 'Inês', post: 'Shipping day notes', collection: 'Small tools weekly' });
      const favorite = row.event === 'favorite';
      return {
        row,
        body: gap ? '' : !favorite ? row.excerpt : zh
          ? '陈默把你的文章收入“小工具周刊”，并写道：“最后一天如何砍掉需求的那一段，是我今年读到的最好的建议。”'
          : 'Inês added your post to “Small tools weekly” and wrote: “The part about cutting scope on the last day is the best advice I have read this year.”',
        link: gap ? null : 'https://journal.example/notes/shipping-day',
        fields: gap ? [] : zh
          ? [['用户', '陈默'], ['文章', '《发布日手记》'], ['收藏夹', '小工具周刊'], ['累计收藏', '112']].map(([name, value]) => ({ name: name!, value: value! }))
          : [['actor.name', 'Inês'], ['post.title', 'Shipping day notes'], ['collection', 'Small tools weekly'], ['data.total', '112']].map(([name, value]) => ({ name: name!, value: value! })),
        actions: row.event !== 'build-failed' ? [] : [
          { label: zh ? '查看日志' : 'Open the log', kind: 'view', target: 'https://build.example/runs/418', off: null },
          { label: zh ? '复制运行编号' : 'Copy the run number', kind: 'copy', target: '4711', off: null },
          { label: zh ? '重新构建' : 'Build again', kind: 'http', target: 'https://build.example/runs/418/again', off: null },
          { label: zh ? '取消部署' : 'Stop the deployment', kind: 'http', target: 'https://deploy.example/stop', off: plain('fake-action-off') },
        ],
        raw: { name: row.event, id: '8f3c.10542', data },
        ledger: [
          { text: plain('ledger-received', { id: 10_542 }), at: row.received },
          { text: gap ? plain('ledger-gap') : plain('ledger-rule-named', { number: 2, name: zh ? '收藏' : 'saves', verdict: 'notify' }), at: row.received },
          ...(gap ? [] : [{ text: row.silenced ?? plain('ledger-shown'), at: row.received + 1000 }]),
          ...(row.unread || gap ? [] : [{ text: plain(row.silenced === null ? 'ledger-opened' : 'ledger-read'), at: row.received + 38_000 }]),
        ],
      };
    });
  }

  facets(feeds: string[]): Promise<Facets> {
    return this.#answer('facets', () => ({
      events: [...new Set(this.#rows.filter((row) => row.event !== '' && (feeds.length === 0 || feeds.includes(row.feed))).map((row) => row.event))],
    }));
  }
  markRead(which: Which, read: boolean): Promise<void> { return this.#change('markRead', which, (row) => ({ ...row, unread: !read && row.kind.kind === 'event' })); }
  pin(which: Which, pinned: boolean): Promise<void> { return this.#change('pin', which, (row) => ({ ...row, pinned })); }
  setDone(which: Which, done: boolean): Promise<void> { return this.#change('setDone', which, (row) => ({ ...row, done, unread: row.unread && !done })); }
  deleteMessages({ ids }: Which): Promise<void> {
    return this.#tell('deleteMessages', ['inbox', 'app'], () => {
      for (const row of this.#rows) if (ids.includes(row.id)) this.#deleted.set(row.id, row);
      for (const [head, parts] of this.#bursts) {
        if (ids.includes(head)) continue;
        this.#bursts.set(head, parts.filter((row) => !ids.includes(row.id)));
        this.#rows = this.#rows.map((row) => (row.id === head ? { ...row, count: this.#bursts.get(head)!.length } : row));
      }
      this.#rows = this.#rows.filter((row) => !ids.includes(row.id));
    });
  }
  restoreMessages({ ids }: Which): Promise<void> {
    return this.#tell('restoreMessages', ['inbox', 'app'], () => {
      const back = ids.flatMap((id) => this.#deleted.get(id) ?? []);
      this.#rows = [...this.#rows, ...back].sort((a, b) => b.id - a.id);
    });
  }
  bulk(query: MessageQuery, what: Bulk): Promise<BulkDone> {
    return this.#tell('bulk', ['inbox', 'app'], () => {
      this.#undo = this.#rows;
      const meant = (row: MessageRow): boolean => this.#in(query, row) && (query.events.length === 0 || query.events.includes(row.event)) && row.done === query.done && (what !== 'read' || row.unread);
      const count = this.#rows.filter(meant).length;
      this.#rows = what === 'delete' ? this.#rows.filter((row) => !meant(row))
        : this.#rows.map((row) => (meant(row) ? { ...row, unread: false, done: row.done || what === 'done' } : row));
      return { what, at: Date.now(), count };
    });
  }
  undoBulk(): Promise<void> { return this.#tell('undoBulk', ['inbox', 'app'], () => { this.#rows = this.#undo; }); }
  exportMessages(_: MessageQuery, format: ExportFormat): Promise<Exported> {
    return this.#answer('exportMessages', () => ({ path: `/home/ada/Downloads/feedbell-messages.${format}`, count: this.#rows.length }));
  }
  act(_: number, place: number): Promise<Deed> {
    return this.#answer('act', (): Deed => (place === 0 ? { kind: 'open', link: 'https://build.example/runs/418' } : place === 1 ? { kind: 'copy', text: '4711' } : { kind: 'asked', text: plain('fake-asked') }));
  }
  icon(): Promise<string | null> { return this.#answer('icon', () => null); }

  settings(): Promise<SettingsView> { return this.#answer('settings', () => structuredClone(this.#settings)); }
  saveGeneral(form: GeneralForm): Promise<void> {
    if (!/^(none|(https?|socks5h?):\/\/.+)?$/.test(form.proxy)) {
      return Promise.reject(refuse(plain('fake-general'), [{ field: 'proxy', text: plain('fake-proxy') }]));
    }
    return this.#tell('saveGeneral', ['settings', 'app', 'desktop'], () => {
      this.#settings.general = structuredClone(form);
      this.#desktop.shortcut_trouble = form.shortcut === 'Ctrl+Alt+T' ? plain('fake-shortcut', { keys: form.shortcut }) : null;
      this.#locale = form.language === 'auto' ? this.#auto : form.language as 'en' | 'zh-CN';
    });
  }
  saveHub(form: SettingsView['hub']): Promise<void> {
    return this.#tell('saveHub', ['settings', 'app'], () => { this.#settings.hub = structuredClone(form); });
  }
  switchHub(mode: HubMode): Promise<void> {
    return this.#tell('switchHub', ['settings', 'app'], () => {
      const { hub } = this.#settings;
      hub.on = mode !== 'off';
      if (mode !== 'off') hub.listen = mode === 'lan' ? '0.0.0.0:2355' : '127.0.0.1:2355';
    });
  }
  hubLists(): Promise<HubLists> {
    return this.#answer('hubLists', () => (this.#hubState().kind === 'running' ? structuredClone(this.#hub) : { listening: [], tokens: [], bans: [] }));
  }
  createToken(form: TokenForm): Promise<NewTokenView> {
    const fields: FieldError[] = [];
    if (form.name.trim() === '') fields.push({ field: 'name', text: plain('field-token-name') });
    if (!form.read && !form.write && !form.admin) fields.push({ field: 'rights', text: plain('field-token-rights') });
    if (fields.length > 0) return Promise.reject(refuse(plain('refused-token'), fields));
    return this.#tell('createToken', ['app'], () => {
      const id = `t${this.#next += 1}`;
      const token = { ...form, id, hint: 'fb_…7Yqm', created: Date.now(), used: null };
      this.#hub.tokens.push(token);
      return { token, secret: 'fb_Kd83nQp0ZrTw5LxVbM2sHc9EaJf47Yqm' };
    });
  }
  revokeToken(id: string): Promise<void> {
    return this.#tell('revokeToken', ['app'], () => { this.#hub.tokens = this.#hub.tokens.filter((token) => token.id !== id); });
  }
  disconnect(id: number, ban: boolean): Promise<void> {
    return this.#tell('disconnect', ['app'], () => {
      const gone = this.#hub.listening.find((one) => one.id === id);
      this.#hub.listening = this.#hub.listening.filter((one) => one !== gone);
      if (ban && gone) this.#hub.bans.push(...gone.uids);
    });
  }
  unban(uid: string): Promise<void> {
    return this.#tell('unban', ['app'], () => { this.#hub.bans = this.#hub.bans.filter((one) => one !== uid); });
  }
  saveFeed(form: FeedForm): Promise<string> {
    const fields = this.#wrong(form);
    if (fields.length > 0) return Promise.reject(refuse(plain('fake-form'), fields));
    return this.#tell('saveFeed', ['settings', 'app'], () => {
      const kept = structuredClone(form);
      kept.id ||= `feed-${this.#next += 1}`;
      kept.name ||= new URL(kept.url).host;
      const stored = (secret: SecretForm): SecretForm => (secret.kind === 'entered' ? { kind: 'kept' } : secret);
      const { access } = kept;
      if (access.kind === 'bearer') access.token = stored(access.token);
      if (access.kind === 'basic') access.password = stored(access.password);
      if (access.kind === 'query' || access.kind === 'cookie') access.value = stored(access.value);
      for (const header of kept.headers) header.value = stored(header.value);
      const at = this.#settings.feeds.findIndex((feed) => feed.id === kept.id);
      if (at < 0) this.#settings.feeds.push(kept);
      else this.#settings.feeds[at] = kept;
      return kept.id;
    });
  }
  removeFeed(id: string): Promise<void> {
    return this.#tell('removeFeed', ['settings', 'app'], () => { this.#settings.feeds = this.#settings.feeds.filter((feed) => feed.id !== id); });
  }
  pause(until: number | null): Promise<void> { return this.#tell('pause', ['app'], () => { this.#pause = { until }; }); }
  resume(): Promise<void> { return this.#tell('resume', ['app'], () => { this.#pause = null; }); }
  reconnect(): Promise<void> { return this.#tell('reconnect', ['app'], () => undefined); }
  mute(feed: string, until: number | null): Promise<void> {
    return this.#tell('mute', ['app', 'settings'], () => {
      if (until === null) this.#settings.feeds.forEach((form) => { if (form.id === feed) form.muted = true; });
      else this.#muted.set(feed, until);
    });
  }
  unmute(feed: string): Promise<void> {
    return this.#tell('unmute', ['app', 'settings'], () => {
      this.#muted.delete(feed);
      this.#settings.feeds.forEach((form) => { if (form.id === feed) form.muted = false; });
    });
  }

  guessPreset(url: string): Promise<string | null> {
    return this.#answer('guessPreset', () => (/\/(sse|json)(\?|$)/.test(url) ? 'ntfy' : url.includes('wikimedia') ? 'wikimedia' : null));
  }

  /** What is at an address: `team` a login page, `build` a refused token, `nas` nothing; anything else sends events. */
  async testFeed(form: FeedForm): Promise<void> {
    const fields = this.#wrong(form);
    if (fields.length > 0) throw refuse(plain('fake-form'), fields);
    const run = this.#testing += 1;
    const steps = this.#steps(form);
    const bad = steps.some(([, , outcome]) => outcome === 'failed');
    let ms = 0;
    const tell = async ([step, text, outcome = 'passed', took = 18]: FakeStep): Promise<boolean> => {
      await new Promise((done) => setTimeout(done, 60));
      ms += took;
      if (run === this.#testing) this.say({ kind: 'test', update: { kind: 'step', step, outcome, text, ms } });
      return run === this.#testing;
    };
    void (async () => {
      for (const step of steps) if (!await tell(step)) return;
      if (bad) return this.say({ kind: 'test', update: { kind: 'ended' } });
      for (const [i, { raw }] of this.#events().slice(0, 3).reverse().entries()) {
        if (i === 0 && !await tell(['first_event', plain('fake-step-first-event'), 'passed', 2140])) return;
        this.say({ kind: 'test', update: { kind: 'event', raw, preview: judge(form, raw) } });
      }
      if (!await tell(['keep_alive', plain('fake-step-keep-alive'), 'noted', 15_000])) return;
      if (form.connection.resume.kind !== 'off') await tell(['resume', plain('fake-step-resume'), 'passed', 96]);
    })();
  }
  stopTest(): Promise<void> { this.#testing += 1; return Promise.resolve(); }
  preview(form: FeedForm, raw: RawEvent): Promise<Preview> {
    const fields = this.#wrong(form);
    if (fields.length > 0) return Promise.reject(refuse(plain('fake-form'), fields));
    return this.#answer('preview', () => judge(form, raw));
  }
  recentEvents(id: string): Promise<RecentEvent[]> {
    return this.#answer('recentEvents', () => {
      const form = this.#settings.feeds.find((feed) => feed.id === id);
      if (form === undefined || id === 'mastodon') return [];
      return this.#recent.map((event) => ({ ...event, preview: judge(form, event.raw) }));
    });
  }

  /** One more event of every feed. */
  event(name: string, data: unknown, id: string | null = null): void {
    this.#recent = [{ raw: { name, id, data: JSON.stringify(data) }, received: Date.now() }, ...this.#recent].slice(0, 50);
    this.say({ kind: 'inbox' });
  }

  testMessage(feed: string): Promise<void> { return this.#tell('testMessage', [], () => { this.arrive(this.#locale === 'zh-CN' ? '测试' : 'Test', feed, 'test'); }); }
  exportFeeds(): Promise<Exported> {
    return this.#answer('exportFeeds', () => ({ path: '/home/ada/Downloads/feedbell-feeds.toml', count: this.#settings.feeds.length }));
  }
  importFeeds(text: string): Promise<Imported> {
    if (!text.includes('[[feed]]')) return Promise.reject(refuse(plain('fake-import')));
    return this.#tell('importFeeds', ['settings', 'app'], () => {
      const taken = new Set(this.#settings.feeds.map(({ id }) => id));
      const fresh = this.#feeds().map((form) => ({ ...form, id: taken.has(form.id) ? `${form.id}-2` : form.id })).slice(0, 3);
      fresh[0]!.enabled = false;
      this.#settings.feeds = [...this.#settings.feeds, ...fresh];
      return { feeds: fresh.map(({ id }) => id), secrets: [fresh[0]!.name], left_out: [plain('fake-import-same')] };
    });
  }
  diagnostics(): Promise<string> {
    return this.#answer('diagnostics', () => 'Feedbell 0.1.0\nDesktop: GNOME, Wayland\nNotifications: gnome-shell 47\nFeeds: 6, 6 live\n  journal.example: live, last heard 3 s ago, token: kept\nHub: running, 127.0.0.1:2355, 3 subscribers\n');
  }
  erase(what: Erase): Promise<void> {
    return this.#tell('erase', ['settings', 'inbox', 'app'], () => {
      if (what !== 'settings') this.#rows = [];
      if (what !== 'messages') this.#settings.general = usualGeneral();
      if (what === 'everything') this.#settings.feeds = [];
    });
  }
  desktop(): Promise<DesktopView> { return this.#answer('desktop', () => ({ ...this.#desktop })); }
  setAutostart(on: boolean): Promise<void> { return this.#tell('setAutostart', ['desktop'], () => { this.#desktop.autostart = on; }); }
  introduced(): Promise<void> { return this.#tell('introduced', ['desktop'], () => { this.#desktop.newcomer = false; }); }
  openFolder(): Promise<void> { return this.#answer('openFolder', () => undefined); }
  keepPlace(place: string): Promise<void> { return this.#answer('keepPlace', () => { this.#place = place; }); }
  lastPlace(): Promise<string | null> { return this.#answer('lastPlace', () => this.#place); }
  send(form: SendForm): Promise<void> {
    return this.#tell('send', [], () => { this.arrive(form.text, 'hub', form.event || 'notify'); });
  }
  tryIt(): Promise<void> {
    return this.#tell('tryIt', ['app'], () => { this.arrive('Ada liked “Hello, Feedbell”', 'hub', 'like'); });
  }
  openLink(): Promise<void> { return this.#tell('openLink', [], () => undefined); }

  #wrong({ url, rules, access, connection }: FeedForm): FieldError[] {
    const fields: FieldError[] = [];
    const wrong = (field: string, text: Text): void => { fields.push({ field, text }); };
    if (!/^https?:\/\//.test(url)) wrong('url', plain('fake-url'));
    rules.forEach((rule, i) => {
      for (const field of ['title', 'body', 'link', 'icon', 'group', 'actor', 'burst', 'key'] as const) {
        if (/\{\{[^}]*$/.test(rule[field])) wrong(`rules.${i}.${field}`, plain('fake-title'));
      }
    });
    if ('name' in access && access.name.trim() === '') wrong('access.name', plain(`field-${access.kind}-name`));
    const { proxy, resume, key, certificate } = connection;
    if (('name' in resume && resume.name.trim() === '') || ('field' in resume && resume.field.trim() === '')) wrong('connection.resume', plain('field-resume-name'));
    if (!['', 'none'].includes(proxy) && !proxy.includes('://')) wrong('connection.proxy', plain('field-proxy', { value: proxy }));
    if (key !== '' && certificate === '') wrong('connection.key', plain('field-key-alone'));
    if (url.startsWith('http://nas') && access.kind !== 'none' && !connection.plain_http) wrong('connection.plain_http', plain('fake-plain'));
    return fields;
  }

  /** A test's steps until events come. */
  #steps({ url, access, connection: { proxy } }: FeedForm): FakeStep[] {
    const { host, hostname, protocol, port } = new URL(url);
    const steps: FakeStep[] = [
      ['name', plain('fake-step-name', { host: hostname }), 'passed', 4],
      ['connect', plain('fake-step-connect', { port: Number(port || (protocol === 'https:' ? 443 : 80)) })],
    ];
    if (access.kind !== 'none') steps.unshift(['access', plain('fake-step-access'), 'passed', 1]);
    if (url.includes('nas')) return [...steps.slice(0, -1), ['connect', plain('trouble-fake-down', { host }), 'failed', 31]];
    if (protocol === 'https:') steps.push(['tls', plain('fake-step-tls'), 'passed', 31]);
    if (!['', 'none'].includes(proxy)) steps.push(['proxy', plain('fake-step-proxy', { proxy })]);
    if (url.includes('build')) return [...steps, ['answer', plain('stop-token'), 'failed', 44]];
    steps.push(['answer', plain('fake-step-answer'), 'passed', 44]);
    if (url.includes('team')) return [...steps, ['content_type', plain('stop-login-page', { location: 'https://team.example/login' }), 'failed', 96]];
    return [...steps, ['content_type', plain('fake-step-content-type'), 'passed', 0], ['first_byte', plain('fake-step-first-byte')]];
  }

  #answer<T>(what: string, give: () => T): Promise<T> {
    this.asked[what] = (this.asked[what] ?? 0) + 1;
    return this.refusing ? Promise.reject(this.refusing) : new Promise((done) => setTimeout(() => done(give())));
  }
  #tell<T>(what: string, kinds: ('app' | 'inbox' | 'settings' | 'desktop')[], work: () => T): Promise<T> {
    return this.#answer(what, () => {
      const made = work();
      for (const kind of kinds) this.say({ kind });
      return made;
    });
  }
  #change(what: string, { ids, bursts }: Which, by: (row: MessageRow) => MessageRow): Promise<void> {
    const some = new Set(ids);
    return this.#tell(what, ['inbox', 'app'], () => {
      const change = (row: MessageRow): MessageRow => (some.has(row.id) ? by(row) : row);
      for (const [head, parts] of this.#bursts) {
        // Through its row a burst is meant as a whole, in it each message alone.
        const whole = bursts && some.has(head);
        this.#bursts.set(head, parts.map((row) => (whole ? by(row) : change(row))));
      }
      this.#rows = this.#rows.map((row) => {
        const parts = this.#bursts.get(row.id);
        return parts === undefined ? change(row) : { ...(bursts ? change(row) : row), unread: parts.some((part) => part.unread) };
      });
    });
  }

  #in(query: MessageQuery, row: MessageRow): boolean {
    return (query.feed === null || row.feed === query.feed) && (query.feeds.length === 0 || query.feeds.includes(row.feed));
  }

  /** What feeds sent lately, newest first. */
  #events(): { raw: RawEvent; received: number }[] {
    const zh = this.#locale === 'zh-CN';
    const post = (title: string, slug: string): object => ({ title, url: `https://journal.example/notes/${slug}`, id: `notes/${slug}` });
    const person = (name: string, slug: string): object => ({ name, avatar: `/a/${slug}.png` });
    const notes = post(zh ? '《发布日手记》' : 'Shipping day notes', 'shipping-day');
    const week = post(zh ? '《安静的一周》' : 'A quiet week', 'quiet-week');
    const event = (ago: number, name: string, id: string, data: object): { raw: RawEvent; received: number } => (
      { raw: { name, id: `8f3c.${id}`, data: JSON.stringify(data) }, received: this.#now - ago * 1000 });
    return [
      event(3, 'like', '10544', { actor: person('Ada', 'ada'), post: notes, total: 24 }),
      event(12, 'like', '10543', { actor: person(zh ? '林薇' : 'Lin Wei', 'lin'), post: notes, total: 23 }),
      event(132, 'favorite', '10542', {
        actor: person(zh ? '陈默' : 'Inês', 'ines'), post: notes, total: 112,
        note: zh ? '最后一天如何砍掉需求的那一段，是我今年读到的最好的建议。' : 'The part about cutting scope on the last day is the best advice I have read this year.',
      }),
      event(267, 'notify', '10541', { actor: person(zh ? '周屿' : 'Tomás', 'tomas'), post: week, level: 'high' }),
    ];
  }

  #hubMode(): HubMode { return !this.#settings.hub.on ? 'off' : this.#settings.hub.listen.startsWith('127.') ? 'local' : 'lan'; }

  #hubState(): HubState {
    const mode = this.#hubMode();
    if (mode === 'off') return { kind: 'off' };
    if (this.scene === 'deaf') return { kind: 'failed', why: plain('fake-port') };
    if (this.scene === 'slow') return { kind: 'starting' };
    const wants_token = mode === 'lan' && this.#hub.tokens.length === 0;
    const lan = mode === 'lan' && !wants_token;
    const no_network = lan && this.scene === 'lan-away';
    const url = `${this.#settings.hub.tls === 'required' ? 'https' : 'http'}://${lan && !no_network ? '192.168.1.14' : '127.0.0.1'}:2355`;
    const trust = this.#settings.hub.tls === 'required' ? " \\\n  --cacert '/home/ada/.local/share/feedbell/hub-cert.pem'" : '';
    const auth = lan ? ' \\\n  -H "Authorization: Bearer $TOKEN"' : '';
    return {
      kind: 'running', url, lan, wants_token, no_network, guarded: lan,
      also: this.scene === 'lan-full' ? ['http://10.8.0.6:2355', 'http://[fd12:3456:789a::14]:2355'] : [],
      curl: `curl ${url}/publish${trust}${auth} \\\n  -d '{"event":"like","data":"Coffee is ready"}'`,
      receive: `const hub = new EventSource(\n  "${url}/events${lan ? '" +\n  "' : ''}?uid=mira${lan ? '&token=TOKEN' : ''}");\nhub.addEventListener("like",\n  e => console.log(e.data));`,
      fingerprint: this.#settings.hub.tls === 'off' ? null : 'sha256:5f2b8c1e90d7a4463be1c05fd2987e6a11b3c9f0e4d85a7260fb13c4d9e87a52',
    };
  }

  #lists(): HubLists {
    const zh = this.#locale === 'zh-CN';
    const token = zh ? '家人' : 'Family';
    const one = (id: number, uids: string[], device: string | null, address: string | null, ago: number): HubLists['listening'][number] => ({
      id, uids, topics: [], device, address, since: this.#now - ago * minute, token: address === null ? null : token,
    });
    // Of yesterday, whatever the time is.
    const yesterday = (this.#now - new Date(this.#now).setHours(12, 0, 0, 0)) / minute + 24 * 60;
    const listening = [
      one(1, ['mira'], 'Firefox on Linux', '192.168.1.23', 95), one(2, ['tomas'], 'Feedbell on Windows', '192.168.1.31', 12),
      one(3, ['hall-panel'], 'curl', '192.168.1.60', yesterday),
    ];
    if (this.scene === 'lan-full') {
      for (let id = 4; id <= 120; id += 1) listening.push(one(id, [`desk-${id}`], id % 3 === 0 ? null : 'Chrome on Windows', `10.0.${id % 7}.${id % 250}`, id));
      listening[3] = { ...listening[3]!, uids: [], topics: ['build', 'a-topic-with-a-name-that-is-long'], device: 'python-requests' };
      listening[4] = { ...listening[4]!, uids: [], address: null };
    }
    const rights = { uids: [], topics: [], created: this.#now - 900 * minute };
    return {
      listening, bans: this.scene === 'lan-full' ? ['spammer', 'old-tablet'] : [],
      tokens: [
        { ...rights, id: 'k3f9', name: token, hint: 'fb_…x2Qd', read: true, write: false, admin: false, used: this.#now - 2 * minute },
        { ...rights, id: 'p0wd', name: zh ? '门磁传感器' : 'Door sensor', hint: 'fb_…9aKe', read: false, write: true, admin: false, topics: ['home'], used: this.#now - 340 * minute },
        ...(this.scene === 'lan-full' ? [{ ...rights, id: 'a111', name: 'The script on the old server that nobody dares to touch', hint: 'fb_…M4xx', read: true, write: true, admin: true, uids: ['mira', 'tomas', 'hall-panel'], used: null }] : []),
      ],
    };
  }

  #nextQuiet(): number | null {
    const { on, hours } = this.#settings.general.quiet;
    return on && this.#pause === null ? nextStart(spansOf(hours), this.#now) : null;
  }

  #name(feed: string): string { return this.#settings.feeds.find(({ id }) => id === feed)?.name ?? feed; }

  #state(form: FeedForm, i: number): FeedState {
    if (!form.enabled) return { kind: 'off' };
    if (this.scene === 'trouble' && i === 1) return { kind: 'stopped', why: plain('fake-refused-token'), trouble: true };
    if ((this.scene === 'trouble' || this.scene === 'deaf') && i === 5) return { kind: 'waiting', next_try: Date.now() + 20_000, why: plain('fake-lost'), trouble: true };
    return { kind: 'live' };
  }

  /** Oldest rows first, one every seven minutes. */
  #synthesize(count: number): void {
    const zh = this.#locale === 'zh-CN';
    const events = ['like', 'favorite', 'build', 'notify', 'comment'];
    const feeds = ['journal', 'build', 'door', 'ntfy'];
    const rows: MessageRow[] = [];
    for (let i = 0; i < count; i += 1) {
      const feed = feeds[i % 4]!;
      rows.push({
        id: this.#next, feed, feed_name: this.#name(feed), kind: { kind: 'event' }, event: events[i % 5]!,
        title: zh ? `第 ${i + 1} 条消息` : `Message ${i + 1}`, excerpt: zh ? '合成数据' : 'Synthetic data', urgency: 'normal',
        received: this.#now - 48 * 60 * minute - (count - i) * 7 * minute, unread: i % 997 === 0, pinned: false, done: false, silenced: null, count: 1, actors: [], others: 0,
      });
      this.#next += 1;
    }
    this.#rows = rows.reverse();
  }

  #write(samples: Sample[]): void {
    for (const { feed, ago, event, title, excerpt, unread = false, pinned = false, high = false, silenced, gap, actors = [], others = 0, burst, count = 1 } of [...samples].reverse()) {
      const received = (ago === 0 ? Date.now() : this.#now - ago * minute);
      const one: Omit<MessageRow, 'id' | 'title' | 'received' | 'actors'> = {
        feed, feed_name: this.#name(feed), event, excerpt, unread, pinned, done: false, count: 1, others: 0,
        kind: gap === undefined ? { kind: 'event' } : { kind: 'gap', from: received - gap * minute, to: received },
        urgency: high ? 'high' : 'normal', silenced: silenced ? plain(silenced) : null,
      };
      const parts: MessageRow[] = [];
      for (let i = count - 1; burst !== undefined && i >= 0; i -= 1) {
        const actor = actors[i];
        parts.unshift({ ...one, id: this.#next, title: burst[i % burst.length]!, received: received - i * minute, excerpt: '', actors: actor === undefined ? [] : [actor] });
        this.#next += 1;
      }
      const head = parts[0];
      const id = head?.id ?? this.#next;
      if (head === undefined) this.#next += 1;
      else this.#bursts.set(id, parts);
      this.#rows = [{ ...one, id, title, received, actors, others, count }, ...this.#rows];
    }
  }

  #quiet(): Quiet | null {
    if (this.#pause !== null) return { kind: 'paused', until: this.#pause.until };
    if (this.scene === 'hours') return { kind: 'hours', until: this.#now + 9 * 60 * minute };
    return this.scene === 'system' ? { kind: 'system' } : null;
  }

  #feeds(): FeedForm[] {
    const zh = this.#locale === 'zh-CN';
    const feed = (id: string, name: string, more: Partial<FeedForm> = {}): FeedForm => ({
      id, name, url: `https://${id}.example/events?topic=home`, preset: '', enabled: true, muted: false, access: { kind: 'none' },
      headers: [], stop_on: [], watchdog_seconds: 0, rules: [],
      connection: usualConnection(), notification: usualNotification(), keep_days: null, ...more,
    });
    return [
      feed('journal', zh ? '我的日志' : 'Journal', {
        preset: 'likes', access: { kind: 'bearer', token: { kind: 'kept' } }, headers: [{ name: 'X-Api-Key', value: { kind: 'kept' } }], stop_on: ['done'],
        rules: [
          { name: zh ? '点赞' : 'Likes', events: ['like'], when: '', then: 'notify', title: zh ? '{{ actor.name }}赞了{{ post.title }}' : '{{ actor.name }} liked “{{ post.title }}”', body: '', link: '{{ post.url }}', icon: '', urgency: '', group: '{{ post.id }}', actor: '', burst: '', key: '' },
          { name: zh ? '收藏' : 'Saves', events: ['favorite'], when: '', then: 'notify', title: zh ? '{{ actor.name }}收藏了{{ post.title }}' : '{{ actor.name }} saved “{{ post.title }}”', body: '{{ note }}', link: '{{ post.url }}', icon: '', urgency: '', group: '', actor: '', burst: '', key: '' },
          { name: zh ? '其余' : 'Everything else', events: [], when: '', then: 'keep', title: '', body: '', link: '', icon: '', urgency: '', group: '', actor: '', burst: '', key: '' },
        ],
      }),
      feed('build', zh ? '构建服务器' : 'Build farm', { access: { kind: 'bearer', token: { kind: 'command', command: 'pass show build' } } }),
      feed('door', zh ? '前门' : 'Front door'),
      feed('ntfy', zh ? '家庭 ntfy' : 'Home ntfy', { preset: 'ntfy' }),
      feed('mastodon', zh ? '长毛象' : 'Mastodon', { muted: true }),
      feed('wikimedia', zh ? '维基媒体' : 'Wikimedia'),
    ];
  }

  #samples(): Sample[] {
    const late = Math.max(1, Math.floor((this.#now - new Date(this.#now).setHours(0, 0, 0, 0)) / minute));
    // Ages are cut so that what belongs to today stays there, whatever the time is.
    const today = (ago: number): number => Math.min(ago, late * (ago / 800));
    const yesterday = (ago: number): number => late + 100 + ago;
    return this.#locale === 'zh-CN' ? [
      { feed: 'journal', ago: today(3), event: 'like', title: '《发布日手记》收到 23 个赞', excerpt: '', unread: true, actors: ['周屿', '林薇', '沈一'], others: 20, burst: ['《发布日手记》收到一个赞'], count: 23 },
      { feed: 'journal', ago: today(5), event: 'favorite', title: '陈默收藏了《发布日手记》', excerpt: '收入“小工具周刊”，并附评语', actors: ['陈默'] },
      { feed: 'build', ago: today(10), event: '', title: '', excerpt: '', gap: 29 },
      { feed: 'build', ago: today(43), event: 'build-failed', title: 'main 分支构建失败', excerpt: 'hub/replay 中 418 项测试有 2 项未通过', unread: true, high: true },
      { feed: 'ntfy', ago: today(190), event: '', title: '你离开期间有 14 个事件', excerpt: '09:10 至 11:45', unread: true, burst: ['备份完成', '温度恢复正常', '新设备加入网络'], count: 14 },
      { feed: 'ntfy', ago: today(336), event: 'release', title: '2.4.0 版已发布', excerpt: '回放更快，安装包更小', unread: true },
      { feed: 'door', ago: today(470), event: 'door', title: '前门已打开', excerpt: '由钥匙卡 2 打开', unread: true, silenced: 'fake-quiet' },
      { feed: 'wikimedia', ago: today(520), event: 'edit', title: '“杭州”词条有新的修改，内容很长很长，需要用省略号来截断才能放得下', excerpt: '由 200.1.2.3 修改' },
      { feed: 'ntfy', ago: yesterday(20), event: 'backup', title: '备份完成', excerpt: '41.2 GB，用时 18 分钟', pinned: true },
      { feed: 'mastodon', ago: yesterday(220), event: 'follow', title: '林薇关注了你', excerpt: '共 84 位关注者', actors: ['林薇'] },
    ] : [
      { feed: 'journal', ago: today(3), event: 'like', title: '23 likes on “Shipping day notes”', excerpt: '', unread: true, actors: ['Ada', 'Lin Wei', 'Sam'], others: 20, burst: ['A like on “Shipping day notes”'], count: 23 },
      { feed: 'journal', ago: today(5), event: 'favorite', title: 'Inês saved “Shipping day notes”', excerpt: 'To “Small tools weekly”, with a note', actors: ['Inês'] },
      { feed: 'build', ago: today(10), event: '', title: '', excerpt: '', gap: 29 },
      { feed: 'build', ago: today(43), event: 'build-failed', title: 'Build failed on main', excerpt: '2 of 418 tests failed in hub/replay', unread: true, high: true },
      { feed: 'ntfy', ago: today(190), event: '', title: 'While you were away: 14 events', excerpt: '09:10 to 11:45', unread: true, burst: ['Backup finished', 'Temperature is normal again', 'A new device joined the network'], count: 14 },
      { feed: 'ntfy', ago: today(336), event: 'release', title: 'Release 2.4.0 is out', excerpt: 'Faster replay, smaller downloads', unread: true },
      { feed: 'door', ago: today(470), event: 'door', title: 'Front door opened', excerpt: 'With key card 2', unread: true, silenced: 'fake-quiet' },
      { feed: 'wikimedia', ago: today(520), event: 'edit', title: 'The article “Hangzhou” was changed in a way that takes far more words than fit', excerpt: 'By 200.1.2.3, 14 bytes' },
      { feed: 'ntfy', ago: yesterday(20), event: 'backup', title: 'Backup finished', excerpt: '41.2 GB in 18 minutes', pinned: true },
      { feed: 'mastodon', ago: yesterday(220), event: 'follow', title: 'Lin Wei started following you', excerpt: '84 followers', actors: ['Lin Wei'] },
    ];
  }
}
