// Generated from crates/notifier/src/view.rs. Do not edit; see its test.

export type Text = { id: string, args: { [key in string]: Arg }, };

export type Arg = number | string;

export type AppView = { version: string, locale: string, unread: number, pinned: number, feeds: Array<FeedView>, hub: HubView, pause: PauseView | null, troubles: Array<Text>, trying: boolean, };

export type FeedView = { id: string, name: string, address: string, state: FeedState, muted: boolean, unread: number, last_heard: number | null, };

export type FeedState = { "kind": "off" } | { "kind": "connecting" } | { "kind": "live" } | { "kind": "waiting", next_try: number, why: Text, trouble: boolean, } | { "kind": "stopped", why: Text, trouble: boolean, };

export type HubView = { state: HubState, mode: HubMode, subscribers: number, max: number, events: number, keep_days: number, };

export type HubMode = "off" | "local" | "lan";

export type HubTls = "off" | "on" | "required";

export type HubState = { "kind": "off" } | { "kind": "starting" } | { "kind": "running", url: string, also: Array<string>, curl: string, receive: string, lan: boolean, wants_token: boolean, no_network: boolean, guarded: boolean, fingerprint: string | null, } | { "kind": "failed", why: Text, };

export type PauseView = { until: number | null, };

export type Urgency = "low" | "normal" | "high";

export type MessageQuery = { feed: string | null, unread: boolean, pinned: boolean, search: string, before: number | null, limit: number, };

export type MessagePage = { rows: Array<MessageRow>, total: number, };

export type MessageRow = { id: number, feed: string, feed_name: string, kind: MessageKind, event: string, title: string, excerpt: string, urgency: Urgency, received: number, unread: boolean, pinned: boolean, silenced: Text | null, };

export type MessageKind = { "kind": "event" } | { "kind": "gap", from: number | null, to: number, };

export type MessageDetail = { row: MessageRow, body: string, link: string | null, fields: Array<Field>, raw: RawEvent, ledger: Array<LedgerLine>, };

export type Field = { name: string, value: string, };

export type RawEvent = { name: string, id: string | null, data: string, };

export type LedgerLine = { text: Text, at: number, };

export type SettingsView = { language: string, keep_days: number, hub: HubForm, feeds: Array<FeedForm>, presets: Array<PresetView>, path: string, errors: Array<FieldError>, };

export type GeneralForm = { language: string, keep_days: number, };

export type HubForm = { on: boolean, listen: string, allow_origins: Array<string>, tls: HubTls, };

export type FeedForm = { id: string, name: string, url: string, preset: string, enabled: boolean, muted: boolean, access: AccessForm, headers: Array<HeaderForm>, stop_on: Array<string>, watchdog_seconds: number, connection: ConnectionForm, rules: Array<RuleForm>, };

export type ConnectionForm = { resume: ResumeForm, history: boolean, poll_seconds: number, proxy: string, ca: string, pin: string, certificate: string, key: string, plain_http: boolean, };

export type ResumeForm = { "kind": "preset" } | { "kind": "header" } | { "kind": "query", name: string, } | { "kind": "field", field: string, name: string, } | { "kind": "off" };

export type AccessForm = { "kind": "none" } | { "kind": "bearer", token: SecretForm, } | { "kind": "basic", username: string, password: SecretForm, } | { "kind": "query", name: string, value: SecretForm, } | { "kind": "cookie", name: string, value: SecretForm, };

export type HeaderForm = { name: string, value: SecretForm, };

export type SecretForm = { "kind": "kept" } | { "kind": "entered", value: string, } | { "kind": "command", command: string, };

export type RuleForm = { name: string, events: Array<string>, when: string, then: Verdict, title: string, body: string, link: string, icon: string, urgency: string, group: string, key: string, };

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

export type TestUpdate = { "kind": "step", step: TestStep, outcome: TestOutcome, text: Text, ms: number, } | { "kind": "event", raw: RawEvent, verdict: Verdict, title: string, body: string, } | { "kind": "ended" };

export type WindowUpdate = { "kind": "app" } | { "kind": "inbox" } | { "kind": "settings" } | { "kind": "test", update: TestUpdate, } | { "kind": "open", message: number | null, } | { "kind": "page", page: string, };
