// Generated from crates/notifier/src/view.rs. Do not edit; see its test.

export type Text = { id: string, args: { [key in string]: Arg }, };

export type Arg = number | string | { moment: number, };

export type AppView = { version: string, locale: string, theme: Theme, tray_count: boolean, unread: number, pinned: number, latest: Array<LatestView>, feeds: Array<FeedView>, hub: HubView, pause: PauseView | null, quiet: QuietView, troubles: Array<Text>, trying: boolean, };

export type Theme = "system" | "light" | "dark";

export type LatestView = { id: number, title: string, unread: boolean, received: number, };

export type QuietView = { now: Quiet | null, next: number | null, breakthrough: Urgency | null, };

export type Quiet = { "kind": "paused", until: number | null, } | { "kind": "hours", until: number, } | { "kind": "system" };

export type FeedView = { id: string, name: string, address: string, state: FeedState, muted: boolean, muted_until: number | null, unread: number, last_heard: number | null, };

export type FeedState = { "kind": "off" } | { "kind": "connecting" } | { "kind": "live" } | { "kind": "waiting", next_try: number, why: Text, trouble: boolean, } | { "kind": "stopped", why: Text, trouble: boolean, };

export type HubView = { state: HubState, mode: HubMode, subscribers: number, max: number, events: number, keep_days: number, };

export type HubMode = "off" | "local" | "lan";

export type HubTls = "off" | "on" | "required";

export type HubState = { "kind": "off" } | { "kind": "starting" } | { "kind": "running", url: string, also: Array<string>, curl: string, receive: string, lan: boolean, wants_token: boolean, no_network: boolean, guarded: boolean, fingerprint: string | null, } | { "kind": "failed", why: Text, };

export type PauseView = { until: number | null, };

export type Urgency = "low" | "normal" | "high" | "urgent";

export type MessageQuery = { feed: string | null, feeds: Array<string>, events: Array<string>, urgency: Urgency | null, unread: boolean, pinned: boolean, done: boolean, search: string, burst: number | null, fold: boolean, before: number | null, limit: number, };

export type MessagePage = { rows: Array<MessageRow>, total: number, at_least: boolean, };

export type Facets = { events: Array<string>, };

export type Which = { ids: number[], bursts: boolean, };

export type Bulk = "read" | "done" | "delete";

export type BulkDone = { what: Bulk, at: number, count: number, };

export type ExportFormat = "json" | "csv";

export type Exported = { path: string, count: number, };

export type MessageRow = { id: number, feed: string, feed_name: string, kind: MessageKind, event: string, title: string, excerpt: string, count: number, actors: Array<string>, others: number, urgency: Urgency, received: number, unread: boolean, pinned: boolean, done: boolean, silenced: Text | null, };

export type MessageKind = { "kind": "event" } | { "kind": "gap", from: number | null, to: number, };

export type MessageDetail = { row: MessageRow, body: string, link: string | null, fields: Array<Field>, actions: Array<ActionView>, raw: RawEvent, ledger: Array<LedgerLine>, };

export type ActionView = { label: string, kind: ActionKind, target: string, off: Text | null, };

export type ActionKind = "view" | "copy" | "http";

export type Deed = { "kind": "open", link: string, } | { "kind": "copy", text: string, } | { "kind": "asked", text: Text, };

export type Field = { name: string, value: string, };

export type RawEvent = { name: string, id: string | null, data: string, };

export type LedgerLine = { text: Text, at: number, };

export type SettingsView = { general: GeneralForm, hub: HubForm, feeds: Array<FeedForm>, presets: Array<PresetView>, path: string, errors: Array<FieldError>, };

export type GeneralForm = { language: string, theme: Theme, keep_days: number, hide_content: boolean, sound: Sound, quiet: QuietForm, tray_count: boolean, proxy: string, shortcut: string, window_minutes: number, };

export type QuietForm = { on: boolean, hours: Array<QuietHours>, breakthrough: Urgency | null, follow_system: boolean, };

export type QuietHours = { days: Array<number>, from: number, until: number, };

export type Sound = { "kind": "system" } | { "kind": "silent" } | { "kind": "named", name: string, };

export type NotificationForm = { sound: Sound, hide_content: boolean, remote_icons: boolean, http_actions: boolean, };

export type HubForm = { on: boolean, listen: string, allow_origins: Array<string>, tls: HubTls, };

export type FeedForm = { id: string, name: string, url: string, preset: string, enabled: boolean, muted: boolean, access: AccessForm, headers: Array<HeaderForm>, stop_on: Array<string>, watchdog_seconds: number, connection: ConnectionForm, notification: NotificationForm, keep_days: number | null, rules: Array<RuleForm>, };

export type ConnectionForm = { resume: ResumeForm, history: boolean, poll_seconds: number, proxy: string, ca: string, pin: string, certificate: string, key: string, plain_http: boolean, };

export type ResumeForm = { "kind": "preset" } | { "kind": "header" } | { "kind": "query", name: string, } | { "kind": "field", field: string, name: string, } | { "kind": "off" };

export type AccessForm = { "kind": "none" } | { "kind": "bearer", token: SecretForm, } | { "kind": "basic", username: string, password: SecretForm, } | { "kind": "query", name: string, value: SecretForm, } | { "kind": "cookie", name: string, value: SecretForm, };

export type HeaderForm = { name: string, value: SecretForm, };

export type SecretForm = { "kind": "kept" } | { "kind": "entered", value: string, } | { "kind": "command", command: string, };

export type RuleForm = { name: string, events: Array<string>, when: string, then: Verdict, title: string, body: string, link: string, icon: string, urgency: string, group: string, actor: string, burst: string, key: string, };

export type Verdict = "notify" | "keep" | "drop";

export type PresetView = { id: string, name: Text, about: Text, example: string, access: string, muted: boolean, history: boolean, };

export type FieldError = { field: string, text: Text, };

export type Refusal = { text: Text, fields: Array<FieldError>, };

export type SendForm = { event: string, to: SendTo, text: string, };

export type SendTo = { "kind": "everyone" } | { "kind": "user", uid: string, } | { "kind": "topic", topic: string, };

export type HubLists = { listening: Array<SubscriberView>, tokens: Array<TokenView>, bans: Array<string>, };

export type SubscriberView = { id: number, uids: Array<string>, topics: Array<string>, device: string | null, address: string | null, since: number, token: string | null, };

export type TokenView = { id: string, name: string, hint: string, read: boolean, write: boolean, admin: boolean, uids: Array<string>, topics: Array<string>, created: number, used: number | null, };

export type TokenForm = { name: string, read: boolean, write: boolean, admin: boolean, uids: Array<string>, topics: Array<string>, };

export type NewTokenView = { token: TokenView, secret: string, };

export type TestStep = "access" | "name" | "proxy" | "connect" | "tls" | "answer" | "content_type" | "first_byte" | "keep_alive" | "first_event" | "resume";

export type TestOutcome = "passed" | "failed" | "noted";

export type TestUpdate = { "kind": "step", step: TestStep, outcome: TestOutcome, text: Text, ms: number, } | { "kind": "event", raw: RawEvent, preview: Preview, } | { "kind": "ended" };

export type Preview = { verdict: Verdict, why: Text, rule: number | null, title: string, body: string, link: string | null, icon: string | null, urgency: Urgency, group: string | null, actor: string | null, key: string | null, burst?: string, actions?: Array<ActionView>, fields: Array<Field>, };

export type RecentEvent = { raw: RawEvent, received: number, preview: Preview, };

export type Imported = { feeds: Array<string>, secrets: Array<string>, left_out: Array<Text>, };

export type Erase = "messages" | "settings" | "everything";

export type DesktopView = { tray: boolean, autostart: boolean, shortcut_trouble: Text | null, newcomer: boolean, logs: string, data: string, };

export type WindowUpdate = { "kind": "app" } | { "kind": "inbox" } | { "kind": "settings" } | { "kind": "desktop" } | { "kind": "test", update: TestUpdate, } | { "kind": "open", message: number | null, } | { "kind": "page", page: string, };
