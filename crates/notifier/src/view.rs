//! What front ends show: plain data, declared once.
//!
//! Every type here crosses a process or language boundary: the window gets it
//! as JSON (`ui/src/bindings.ts` is generated from this file), the control
//! socket prints it. Secrets have no place in it: [`SecretForm`] can carry one
//! inwards, and only a [`NewTokenView`] one outwards, once. Times are
//! milliseconds since the Unix epoch.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A text in no language yet: a Fluent message id and its arguments.
///
/// Front ends render it in the user's language, from the files in `locales/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Text {
    /// The Fluent message id.
    pub id: String,
    /// The message's arguments.
    pub args: BTreeMap<String, Arg>,
}

/// One argument of a [`Text`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(untagged)]
pub enum Arg {
    /// A whole number, subject to plural rules.
    Number(#[ts(type = "number")] i64),
    /// Words, shown as they are.
    Words(String),
    /// A moment, shown in local time and, unless it is near, with its day.
    Moment {
        /// Milliseconds since the Unix epoch.
        #[ts(type = "number")]
        moment: i64,
    },
}

impl Arg {
    /// A moment, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn moment(moment: i64) -> Self {
        Arg::Moment { moment }
    }
}

/// Everything around the message list: the rail, the status pill, the tray.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct AppView {
    /// The program's version.
    pub version: String,
    /// The language in use, resolved: `en` or `zh-CN`.
    pub locale: String,
    /// How the window looks, from the settings.
    pub theme: Theme,
    /// Draw the number of unread messages on the tray's icon.
    pub tray_count: bool,
    /// Unread messages of all feeds.
    pub unread: u32,
    /// Pinned messages.
    pub pinned: u32,
    /// The newest messages, a burst as one, for the tray: five at the most.
    pub latest: Vec<LatestView>,
    /// The configured feeds, in the settings' order.
    pub feeds: Vec<FeedView>,
    /// The embedded hub.
    pub hub: HubView,
    /// Set while notifications are paused.
    pub pause: Option<PauseView>,
    /// Whether it is quiet now, and why.
    pub quiet: QuietView,
    /// Standing troubles that need a person, worst first.
    pub troubles: Vec<Text>,
    /// True when started with `--try`.
    pub trying: bool,
}

/// How the window looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the system does.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// One of the newest messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LatestView {
    /// Inbox id; of a burst its newest message's.
    #[ts(type = "number")]
    pub id: i64,
    /// The title, for a burst the burst's.
    pub title: String,
    /// Not read yet.
    pub unread: bool,
    /// When it arrived.
    #[ts(type = "number")]
    pub received: i64,
}

/// Whether it is quiet now: one model for window, tray and command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct QuietView {
    /// Why it is quiet; none: notifications are on.
    pub now: Option<Quiet>,
    /// When quiet hours begin next, if there are any and it is not quiet.
    #[ts(type = "number | null")]
    pub next: Option<i64>,
    /// The lowest urgency that rings all the same; none: nothing does.
    pub breakthrough: Option<Urgency>,
}

/// Why it is quiet. A pause counts more than quiet hours, these more than the system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Quiet {
    /// A person paused notifications.
    Paused {
        /// When it ends by itself; absent: when the user resumes.
        #[ts(type = "number | null")]
        until: Option<i64>,
    },
    /// Quiet hours.
    Hours {
        /// When they end.
        #[ts(type = "number")]
        until: i64,
    },
    /// The system's do-not-disturb is on.
    System,
}

/// One feed in the rail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct FeedView {
    /// Stable id, from the settings.
    pub id: String,
    /// The user's name for it.
    pub name: String,
    /// The address without its query and credentials.
    pub address: String,
    /// Its connection.
    pub state: FeedState,
    /// Its messages make no notification now.
    pub muted: bool,
    /// When that ends by itself, if it does.
    #[ts(type = "number | null")]
    pub muted_until: Option<i64>,
    /// Unread messages of this feed.
    pub unread: u32,
    /// When the last byte arrived.
    #[ts(type = "number | null")]
    pub last_heard: Option<i64>,
}

/// The connection of a feed, one of the facts that are independent of pause and unread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FeedState {
    /// Switched off in the settings.
    Off,
    /// A connection is being made.
    Connecting,
    /// The server answered with an event stream.
    Live,
    /// Between two tries.
    Waiting {
        /// When the next try starts.
        #[ts(type = "number")]
        next_try: i64,
        /// What ended the last one.
        why: Text,
        /// False for ends that are routine: nothing needs to be shown yet.
        trouble: bool,
    },
    /// No further try by itself, or only a rare one.
    Stopped {
        /// What happened, and what to do.
        why: Text,
        /// False when the feed ended as configured (`stop_on`).
        trouble: bool,
    },
}

/// The embedded hub.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct HubView {
    /// Off, starting, running or failed.
    pub state: HubState,
    /// What it was switched to.
    pub mode: HubMode,
    /// Open subscriber connections.
    pub subscribers: u32,
    /// The most it takes.
    pub max: u32,
    /// Events kept for replay.
    pub events: u32,
    /// How long events are kept at the most, in days.
    pub keep_days: u32,
}

/// Whom the hub is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum HubMode {
    /// It does not run.
    Off,
    /// Programs on this computer.
    Local,
    /// Other machines too.
    Lan,
}

/// Whether the hub's port speaks TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum HubTls {
    /// HTTP alone.
    #[default]
    Off,
    /// HTTP and HTTPS.
    On,
    /// HTTPS alone.
    Required,
}

/// Whether the hub runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum HubState {
    /// Switched off.
    Off,
    /// On its way: its token is asked for, its log opened.
    Starting,
    /// Taking publishes.
    Running {
        /// `http://127.0.0.1:2355`; on the network the address that others use.
        url: String,
        /// Further addresses that others may use.
        also: Vec<String>,
        /// Lines for a terminal that send one like to everyone.
        curl: String,
        /// Lines for a web page that receive from the hub.
        receive: String,
        /// True when other machines reach it.
        lan: bool,
        /// Other machines should reach it, but there is no token yet: it serves this one alone.
        wants_token: bool,
        /// Other machines may reach it, but this one is in no network now.
        no_network: bool,
        /// Requests need a token.
        guarded: bool,
        /// What clients pin, if it speaks HTTPS: `sha256:` and 64 hexadecimal digits.
        fingerprint: Option<String>,
    },
    /// Could not start.
    Failed {
        /// Why, and what to do.
        why: Text,
    },
}

/// A pause of notifications. Feeds stay connected and messages are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PauseView {
    /// When it ends by itself; absent: when the user resumes.
    #[ts(type = "number | null")]
    pub until: Option<i64>,
}

/// How urgent a message is, as rules say it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS,
)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// Shown quietly.
    Low,
    /// The ordinary kind.
    #[default]
    Normal,
    /// Stays on the screen until dismissed, where the system allows.
    High,
    /// As high, and rings where only the most urgent does.
    Urgent,
}

/// Which messages a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct MessageQuery {
    /// Only this feed.
    pub feed: Option<String>,
    /// Only those of one of these feeds; none: of all.
    pub feeds: Vec<String>,
    /// Only with one of these event names; none: with any.
    pub events: Vec<String>,
    /// Only this urgent or more.
    pub urgency: Option<Urgency>,
    /// Only unread ones.
    pub unread: bool,
    /// Only pinned ones.
    pub pinned: bool,
    /// Only done ones; otherwise only those that are not, unless words are searched.
    pub done: bool,
    /// Only those that contain all of these words.
    pub search: String,
    /// Only the messages of the burst to which this one belongs.
    #[ts(type = "number | null")]
    pub burst: Option<i64>,
    /// A burst is one row, that of its newest message. Not where words are searched.
    pub fold: bool,
    /// Only messages older than this id: where the last page ended.
    #[ts(type = "number | null")]
    pub before: Option<i64>,
    /// At most this many rows, 500 at the most.
    pub limit: u32,
}

/// One page of the message list, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct MessagePage {
    /// The rows.
    pub rows: Vec<MessageRow>,
    /// All rows that match, over all pages.
    pub total: u32,
    /// There are more than `total`: counting ended there.
    pub at_least: bool,
}

/// What a list can be filtered by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, TS)]
pub struct Facets {
    /// Event names in the inbox, the most frequent of late first.
    pub events: Vec<String>,
}

/// Which messages something is done with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Which {
    /// Their ids.
    #[ts(type = "number[]")]
    pub ids: Vec<i64>,
    /// Each stands for the whole burst to which it belongs.
    #[serde(default)]
    pub bursts: bool,
}

impl From<Vec<i64>> for Which {
    fn from(ids: Vec<i64>) -> Self {
        Self { ids, bursts: false }
    }
}

/// What can be done with all messages that match a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Bulk {
    /// They are read.
    Read,
    /// They are done.
    Done,
    /// They are deleted.
    Delete,
}

/// Something that was done with all messages that matched: what it takes to undo it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct BulkDone {
    /// What was done.
    pub what: Bulk,
    /// When; no two have the same.
    #[ts(type = "number")]
    pub at: i64,
    /// With how many messages.
    pub count: u32,
}

/// The format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// One JSON array.
    Json,
    /// Comma-separated values with a head, RFC 4180.
    Csv,
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Exported {
    /// Where it lies.
    pub path: String,
    /// How many messages or feeds are in it.
    pub count: u32,
}

/// One row of the message list.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct MessageRow {
    /// Inbox id; grows with arrival.
    #[ts(type = "number")]
    pub id: i64,
    /// The feed's id.
    pub feed: String,
    /// The feed's name; its id once the feed is gone from the settings.
    pub feed_name: String,
    /// An event, or a note of our own.
    pub kind: MessageKind,
    /// The event name.
    pub event: String,
    /// The title, made by a rule, for a folded burst the burst's. Empty for gaps.
    pub title: String,
    /// The start of the body, one line.
    pub excerpt: String,
    /// How many messages the row stands for: more than one is a burst.
    pub count: u32,
    /// Who did it, the latest first, three at the most; `others` more are not named.
    pub actors: Vec<String>,
    /// How many further actors there are.
    pub others: u32,
    /// How urgent.
    pub urgency: Urgency,
    /// When it arrived.
    #[ts(type = "number")]
    pub received: i64,
    /// Not read yet.
    pub unread: bool,
    /// Kept on top of things by the user.
    pub pinned: bool,
    /// Dealt with: not in the usual lists any more.
    pub done: bool,
    /// Why no notification was shown, if none was.
    pub silenced: Option<Text>,
}

/// What a row of the inbox stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MessageKind {
    /// A message made from an event.
    Event,
    /// Events that can no longer be replayed. Never unread.
    Gap {
        /// The last moment known to be complete.
        #[ts(type = "number | null")]
        from: Option<i64>,
        /// The moment from which it is complete again.
        #[ts(type = "number")]
        to: i64,
    },
}

/// One message in full.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct MessageDetail {
    /// Its row.
    pub row: MessageRow,
    /// The whole body, plain text.
    pub body: String,
    /// Where it leads: http, https or mailto.
    pub link: Option<String>,
    /// The data's own fields, flattened, for reading.
    pub fields: Vec<Field>,
    /// What the message itself offers to do.
    pub actions: Vec<ActionView>,
    /// The event as it came.
    pub raw: RawEvent,
    /// What happened to it and why, oldest first.
    pub ledger: Vec<LedgerLine>,
}

/// Something that a message offers to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ActionView {
    /// What the button says.
    pub label: String,
    /// What it does.
    pub kind: ActionKind,
    /// Where it leads, whom it asks, or what it copies.
    pub target: String,
    /// Why it cannot be done now; none: it can.
    pub off: Option<Text>,
}

/// What an action of a message does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// Opens a link.
    View,
    /// Copies a text.
    Copy,
    /// Sends a request to a server.
    Http,
}

/// What is left to the front end of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Deed {
    /// Open this link: http, https or mailto.
    Open {
        /// The link.
        link: String,
    },
    /// Copy this text.
    Copy {
        /// The text.
        text: String,
    },
    /// Nothing: a server was asked, and answered.
    Asked {
        /// What it answered, in one sentence.
        text: Text,
    },
}

/// One field of an event's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Field {
    /// Path in the data: `actor.name`.
    pub name: String,
    /// Its value as text.
    pub value: String,
}

/// An event as it came over the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RawEvent {
    /// The event name.
    pub name: String,
    /// The id its own block carried.
    pub id: Option<String>,
    /// The data.
    pub data: String,
}

/// One step in the life of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct LedgerLine {
    /// What happened.
    pub text: Text,
    /// When.
    #[ts(type = "number")]
    pub at: i64,
}

/// The settings as the window edits them.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct SettingsView {
    /// The general ones.
    pub general: GeneralForm,
    /// The hub's settings.
    pub hub: HubForm,
    /// The feeds.
    pub feeds: Vec<FeedForm>,
    /// Known kinds of server.
    pub presets: Vec<PresetView>,
    /// Where the settings file lies.
    pub path: String,
    /// What is wrong in the file, where the last good settings or the defaults stay in force; and
    /// keys that are not known, which are kept and have no effect.
    pub errors: Vec<FieldError>,
}

/// The general settings as a form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct GeneralForm {
    /// `auto`, `en` or `zh-CN`.
    pub language: String,
    /// How the window looks.
    pub theme: Theme,
    /// Days a read message is kept; 0: for ever.
    pub keep_days: u32,
    /// Pop-ups say only that something came.
    pub hide_content: bool,
    /// The sound of pop-ups, where the feed has none of its own.
    pub sound: Sound,
    /// When it is quiet, and what rings all the same.
    pub quiet: QuietForm,
    /// Draw the number of unread messages on the tray's icon.
    pub tray_count: bool,
    /// A proxy for feeds that name none: `http://`, `https://`, `socks5://` or `socks5h://`;
    /// `none`: no proxy; empty: the system's.
    pub proxy: String,
    /// The keys that bring up the window from anywhere, like `Ctrl+Alt+B`; empty: none.
    pub shortcut: String,
    /// Minutes for which a closed window is kept ready; 0: not at all.
    pub window_minutes: u32,
}

impl Default for GeneralForm {
    fn default() -> Self {
        Self {
            language: "auto".to_owned(),
            theme: Theme::System,
            keep_days: 90,
            hide_content: false,
            sound: Sound::System,
            quiet: QuietForm::default(),
            tray_count: false,
            proxy: String::new(),
            shortcut: String::new(),
            window_minutes: 2,
        }
    }
}

/// When it is quiet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct QuietForm {
    /// Whether the hours count.
    pub on: bool,
    /// The hours.
    pub hours: Vec<QuietHours>,
    /// The lowest urgency that rings all the same; none: nothing does.
    pub breakthrough: Option<Urgency>,
    /// Be quiet while the system's do-not-disturb is on.
    pub follow_system: bool,
}

impl Default for QuietForm {
    fn default() -> Self {
        Self {
            on: false,
            hours: Vec::new(),
            breakthrough: Some(Urgency::Urgent),
            follow_system: true,
        }
    }
}

/// Hours in which it is quiet, in local time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct QuietHours {
    /// The weekdays on which they begin: 1 is Monday, 7 is Sunday.
    pub days: Vec<u8>,
    /// When they begin, in minutes after midnight.
    pub from: u16,
    /// When they end; not after `from` means on the next day.
    pub until: u16,
}

/// The sound of a pop-up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Sound {
    /// As the next wider setting says, at last the desktop.
    #[default]
    System,
    /// None.
    Silent,
    /// One of the desktop's sounds, by its name in the sound naming specification.
    Named {
        /// `message-new-instant`, `bell`, …
        name: String,
    },
}

/// The hub's settings as a form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HubForm {
    /// Whether the hub runs.
    pub on: bool,
    /// `127.0.0.1:2355`.
    pub listen: String,
    /// Web origins that may use it: `http://localhost:3000`.
    pub allow_origins: Vec<String>,
    /// Whether it speaks TLS.
    pub tls: HubTls,
}

/// One feed as a form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct FeedForm {
    /// Stable id; empty for a new feed.
    pub id: String,
    /// The user's name for it.
    pub name: String,
    /// Where to connect, http or https.
    pub url: String,
    /// A preset's id, or empty for the default mapping.
    pub preset: String,
    /// Whether it is subscribed.
    pub enabled: bool,
    /// Messages make no notification.
    pub muted: bool,
    /// How to sign in.
    pub access: AccessForm,
    /// Further request headers.
    pub headers: Vec<HeaderForm>,
    /// Event names after which the feed stops until the user reconnects.
    pub stop_on: Vec<String>,
    /// Reconnect when nothing arrives for this many seconds; 0: learned from the server.
    pub watchdog_seconds: u32,
    /// How it connects, where that differs from the usual.
    pub connection: ConnectionForm,
    /// How its notifications look and what they may do.
    pub notification: NotificationForm,
    /// Days a read message is kept; none: as in the general settings, 0: for ever.
    pub keep_days: Option<u32>,
    /// Own rules, tried before the preset's; the first match wins.
    pub rules: Vec<RuleForm>,
}

/// How a feed's notifications look and what its messages may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct NotificationForm {
    /// Its sound.
    pub sound: Sound,
    /// Pop-ups say only that something came.
    pub hide_content: bool,
    /// Icons may be fetched from the addresses that its messages name.
    pub remote_icons: bool,
    /// Actions of its messages may send requests to public servers.
    pub http_actions: bool,
}

/// How a feed connects, where that differs from the usual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct ConnectionForm {
    /// Whether and how its place goes back to the server.
    pub resume: ResumeForm,
    /// On the first connection, load what the server still has.
    pub history: bool,
    /// Ask every so many seconds instead of holding a stream; 0: hold a stream.
    pub poll_seconds: u32,
    /// A proxy, `http://`, `https://`, `socks5://` or `socks5h://`; `none`: no proxy; empty: the
    /// system's.
    pub proxy: String,
    /// A PEM file of further authorities to trust; empty: the system's alone.
    pub ca: String,
    /// The fingerprint of the one certificate the server may have, `sha256:` and 64 hexadecimal
    /// digits; empty: whatever the authorities vouch for.
    pub pin: String,
    /// A PEM file with a client certificate; empty: none.
    pub certificate: String,
    /// A PEM file with the key of the client certificate; empty: in the certificate's file.
    pub key: String,
    /// Secrets may go over plain http to a private address. To this computer they always may, to
    /// a public address never.
    pub plain_http: bool,
}

/// Whether and how a feed's place goes back to the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ResumeForm {
    /// As the preset says; without one in the `Last-Event-ID` header.
    #[default]
    Preset,
    /// The last event id, in the `Last-Event-ID` header.
    Header,
    /// The last event id, in a query parameter.
    Query {
        /// Its name.
        name: String,
    },
    /// A field of the event's data, in a query parameter.
    Field {
        /// Path in the data: `time`, `meta.dt`.
        field: String,
        /// The parameter's name.
        name: String,
    },
    /// Not at all.
    Off,
}

/// How a feed signs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AccessForm {
    /// No sign-in.
    None,
    /// `Authorization: Bearer …`.
    Bearer {
        /// The token.
        token: SecretForm,
    },
    /// `Authorization: Basic …`.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: SecretForm,
    },
    /// A parameter of the address, for servers that know no header.
    Query {
        /// Its name: `auth`, `access_token`.
        name: String,
        /// Its value.
        value: SecretForm,
    },
    /// A cookie.
    Cookie {
        /// Its name.
        name: String,
        /// Its value.
        value: SecretForm,
    },
}

/// One request header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HeaderForm {
    /// Its name.
    pub name: String,
    /// Its value: often a secret, so treated as one.
    pub value: SecretForm,
}

/// A secret on its way in. On its way out it is only ever `Kept` or `Command`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SecretForm {
    /// The stored one, unchanged.
    Kept,
    /// A new one.
    Entered {
        /// The secret itself.
        value: String,
    },
    /// The first line that this command prints.
    Command {
        /// Run by the shell.
        command: String,
    },
}

impl std::fmt::Debug for SecretForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            SecretForm::Kept => "Kept",
            SecretForm::Entered { .. } => "Entered(…)",
            SecretForm::Command { .. } => "Command(…)",
        })
    }
}

/// One rule as a form. Templates are MiniJinja over `event`, `id`, `data` and the data's own fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct RuleForm {
    /// The user's name for it.
    pub name: String,
    /// Event-name patterns (`like`, `user-*`); none: every event.
    pub events: Vec<String>,
    /// A MiniJinja expression that must be true; empty: always.
    pub when: String,
    /// The verdict.
    pub then: Verdict,
    /// Template; empty: the default mapping's.
    pub title: String,
    /// Template; empty: the default mapping's.
    pub body: String,
    /// Template that gives http, https or mailto.
    pub link: String,
    /// Template that gives an icon name.
    pub icon: String,
    /// Template that gives `low`, `normal` or `high`.
    pub urgency: String,
    /// Template; messages of the same group are one burst: one row, one notification.
    pub group: String,
    /// Template; who did it, for bursts.
    pub actor: String,
    /// Template over the newest message's fields and `count`; the title of a burst.
    pub burst: String,
    /// Template; what makes a message the same message again.
    pub key: String,
}

/// A rule's outcome for one event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Inbox and notification.
    #[default]
    Notify,
    /// Inbox only.
    Keep,
    /// Neither.
    Drop,
}

/// A preset in the gallery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct PresetView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Text,
    /// What it is for, in one sentence.
    pub about: Text,
    /// An address to start from.
    pub example: String,
    /// The kind of access it usually needs: `none`, `bearer`, `basic`, `query` or `cookie`.
    pub access: String,
    /// Its feeds start muted: far too many events to ring for each.
    pub muted: bool,
    /// Its servers keep history that the first connection can load.
    pub history: bool,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct FieldError {
    /// Which field: `url`, `rules.0.title`, in the file `feed.2.url`.
    pub field: String,
    /// What is wrong and what to do.
    pub text: Text,
}

/// Why a request of a front end was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Refusal {
    /// The sentence to show.
    pub text: Text,
    /// Per field, for forms.
    pub fields: Vec<FieldError>,
}

/// A publication from the window's send box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SendForm {
    /// The event name; empty: `notify`.
    pub event: String,
    /// Whom it is for.
    pub to: SendTo,
    /// The text.
    pub text: String,
}

/// Whom a publication is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SendTo {
    /// Everyone who listens.
    Everyone,
    /// One user.
    User {
        /// The uid.
        uid: String,
    },
    /// One topic.
    Topic {
        /// Its name.
        topic: String,
    },
}

/// The hub's lists: who listens, who may, who may not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, TS)]
pub struct HubLists {
    /// Open streams, the oldest first.
    pub listening: Vec<SubscriberView>,
    /// Tokens that were made, the oldest first.
    pub tokens: Vec<TokenView>,
    /// Uids that are kept away.
    pub bans: Vec<String>,
}

/// One open stream.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct SubscriberView {
    /// Its number, given once for as long as the hub runs.
    #[ts(type = "number")]
    pub id: u64,
    /// The users it listens as. Without any, and without topics, it gets what is for everyone.
    pub uids: Vec<String>,
    /// The topics it listens to.
    pub topics: Vec<String>,
    /// What it says it is: `Firefox on Linux`.
    pub device: Option<String>,
    /// Where it connects from; none for this computer.
    pub address: Option<String>,
    /// Since when it listens.
    #[ts(type = "number")]
    pub since: i64,
    /// The name of its token.
    pub token: Option<String>,
}

/// A token of the hub, without its secret.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct TokenView {
    /// Its id.
    pub id: String,
    /// What it was called.
    pub name: String,
    /// `fb_…x2Qd`
    pub hint: String,
    /// May listen.
    pub read: bool,
    /// May send.
    pub write: bool,
    /// May manage tokens and subscribers.
    pub admin: bool,
    /// The only users it is for; with `topics` empty too: any.
    pub uids: Vec<String>,
    /// The only topics it is for.
    pub topics: Vec<String>,
    /// When it was made.
    #[ts(type = "number")]
    pub created: i64,
    /// When it was used last.
    #[ts(type = "number | null")]
    pub used: Option<i64>,
}

/// A token to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TokenForm {
    /// What to call it.
    pub name: String,
    /// May listen.
    pub read: bool,
    /// May send.
    pub write: bool,
    /// May manage tokens and subscribers.
    pub admin: bool,
    /// The only users it is for; with `topics` empty too: any.
    pub uids: Vec<String>,
    /// The only topics it is for.
    pub topics: Vec<String>,
}

/// A new token with its secret, which is nowhere else: shown once, then forgotten.
#[derive(Clone, PartialEq, Serialize, TS)]
pub struct NewTokenView {
    /// The token.
    pub token: TokenView,
    /// The secret itself.
    pub secret: String,
}

impl std::fmt::Debug for NewTokenView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewTokenView")
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

/// News from a running feed test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TestUpdate {
    /// A step of the check is done.
    Step {
        /// Which one.
        step: TestStep,
        /// How it went.
        outcome: TestOutcome,
        /// What was seen; on failure what happened and what to do.
        text: Text,
        /// Since the test began, in milliseconds.
        ms: u32,
    },
    /// An event arrived, with what the rules make of it.
    Event {
        /// The event as it came.
        raw: RawEvent,
        /// What the rules make of it.
        preview: Box<Preview>,
    },
    /// The test is over.
    Ended,
}

/// What a feed's rules make of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Preview {
    /// What would happen.
    pub verdict: Verdict,
    /// Which rule said so.
    pub why: Text,
    /// The place of the own rule that said so.
    pub rule: Option<u32>,
    /// The notification's title.
    pub title: String,
    /// The notification's body.
    pub body: String,
    /// Where a click leads.
    pub link: Option<String>,
    /// An icon name, or an address where the feed allows remote icons.
    pub icon: Option<String>,
    /// How urgent.
    pub urgency: Urgency,
    /// Its group.
    pub group: Option<String>,
    /// Who did it.
    pub actor: Option<String>,
    /// What makes it the same message again, where a rule says so.
    pub key: Option<String>,
    /// The title of a burst of three of it, where a rule says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub burst: Option<String>,
    /// What the message itself offers to do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<ActionView>>")]
    pub actions: Vec<ActionView>,
    /// The data's own fields, flattened: what templates can name.
    pub fields: Vec<Field>,
}

/// An event that came lately, for the mapper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct RecentEvent {
    /// The event as it came.
    pub raw: RawEvent,
    /// When.
    #[ts(type = "number")]
    pub received: i64,
    /// What the rules make of it.
    pub preview: Preview,
}

/// What an import brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Imported {
    /// The ids of the new feeds.
    pub feeds: Vec<String>,
    /// The names of those that wait for their secrets, switched off until then.
    pub secrets: Vec<String>,
    /// What was left out, and why.
    pub left_out: Vec<Text>,
}

/// What to erase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Erase {
    /// All messages, for good. Feeds go on where they are.
    Messages,
    /// The settings go back to the defaults; feeds and messages stay.
    Settings,
    /// Messages, feeds, settings, secrets, the hub's log and tokens, icons, logs: as on the first day.
    Everything,
}

/// What the desktop around the window can do, and is set to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, TS)]
pub struct DesktopView {
    /// Somebody shows tray icons.
    pub tray: bool,
    /// Feedbell starts when the person logs in.
    pub autostart: bool,
    /// Why the keys that bring up the window do not work.
    pub shortcut_trouble: Option<Text>,
    /// The person was not told yet where the app lives.
    pub newcomer: bool,
    /// The folder of the logs.
    pub logs: String,
    /// The folder of the inbox.
    pub data: String,
}

/// The steps of a feed test, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum TestStep {
    /// The secrets are there and may be sent to this address.
    Access,
    /// The name has an address.
    Name,
    /// The proxy lets us through; only if there is one.
    Proxy,
    /// The host, or the proxy, accepts connections.
    Connect,
    /// The connection is secure.
    Tls,
    /// The server answers, redirects followed.
    Answer,
    /// The answer is an event stream.
    ContentType,
    /// A first byte comes.
    FirstByte,
    /// Something comes that keeps the connection alive.
    KeepAlive,
    /// A first event comes.
    FirstEvent,
    /// The server goes on where a connection ended.
    Resume,
}

/// How a step of a feed test went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum TestOutcome {
    /// Well.
    Passed,
    /// Not well: the test ends here.
    Failed,
    /// Worth knowing, no obstacle.
    Noted,
}

/// What the window is told: when to ask again, never what.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WindowUpdate {
    /// Feeds, hub, pause, troubles or counts changed: ask for `app`.
    App,
    /// The inbox changed: ask for `messages`.
    Inbox,
    /// The settings changed: ask for `settings`.
    Settings,
    /// What the desktop can do changed: ask for `desktop`.
    Desktop,
    /// News of the feed test that this window started.
    Test {
        /// The news.
        update: TestUpdate,
    },
    /// Show this message, or only the inbox.
    Open {
        /// The message.
        #[ts(type = "number | null")]
        message: Option<i64>,
    },
    /// Show this page: `inbox`, `hub` or `settings`.
    Page {
        /// The page.
        page: String,
    },
}
