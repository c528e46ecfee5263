import { invoke } from '@tauri-apps/api/core';
import type {
  AppView, Bulk, BulkDone, Deed, DesktopView, Erase, ExportFormat, Exported, Facets, FeedForm, GeneralForm, HubForm, HubLists,
  HubMode, Imported, MessageDetail, MessagePage, MessageQuery, NewTokenView, Preview, RawEvent, RecentEvent, Refusal, SendForm,
  SettingsView, TokenForm, Which, WindowUpdate,
} from './bindings';

/** What the window can ask of the notifier. Every call may reject with a `Refusal`. */
export interface Backend {
  /** Hears of every update from now on. Resolves once none can be missed. */
  listen(hear: (update: WindowUpdate) => void): Promise<() => void>;
  app(): Promise<AppView>;
  messages(query: MessageQuery): Promise<MessagePage>;
  message(id: number): Promise<MessageDetail | null>;
  /** What the list of these feeds (none: all) can be filtered by. */
  facets(feeds: string[]): Promise<Facets>;
  markRead(which: Which, read: boolean): Promise<void>;
  pin(which: Which, pinned: boolean): Promise<void>;
  /** Out of the usual lists, or back. What is done is read, too. */
  setDone(which: Which, done: boolean): Promise<void>;
  deleteMessages(which: Which): Promise<void>;
  restoreMessages(which: Which): Promise<void>;
  /** With all messages that match; what it gives takes it back. */
  bulk(query: MessageQuery, what: Bulk): Promise<BulkDone>;
  undoBulk(done: BulkDone): Promise<void>;
  /** Writes into the person's folder of downloads, never over another file. */
  exportMessages(query: MessageQuery, format: ExportFormat): Promise<Exported>;
  /** Does what a message offers at this place of its `actions`. Links are opened and texts copied already. */
  act(id: number, place: number): Promise<Deed>;
  /** The picture of a message's remote icon as a data URL. */
  icon(id: number): Promise<string | null>;
  settings(): Promise<SettingsView>;
  saveGeneral(form: GeneralForm): Promise<void>;
  saveHub(form: HubForm): Promise<void>;
  /** The hub starts and stops in its own time; the same once more tries again what failed. */
  switchHub(mode: HubMode): Promise<void>;
  /** Who listens, who may, and who is kept away. */
  hubLists(): Promise<HubLists>;
  /** The answer carries the secret, which is nowhere else. */
  createToken(form: TokenForm): Promise<NewTokenView>;
  revokeToken(id: string): Promise<void>;
  /** `ban`: its users are kept away, too. */
  disconnect(id: number, ban: boolean): Promise<void>;
  unban(uid: string): Promise<void>;
  /** Gives the feed's id, which is new for a form without one. */
  saveFeed(form: FeedForm): Promise<string>;
  removeFeed(id: string): Promise<void>;
  /** `until` in milliseconds since the epoch; null: until the user resumes. */
  pause(until: number | null): Promise<void>;
  resume(): Promise<void>;
  reconnect(feed: string): Promise<void>;
  /** `until` in milliseconds since the epoch; null: for good. */
  mute(feed: string, until: number | null): Promise<void>;
  unmute(feed: string): Promise<void>;
  /** The preset that an address looks like. */
  guessPreset(url: string): Promise<string | null>;
  testFeed(form: FeedForm): Promise<void>;
  stopTest(): Promise<void>;
  /** What the rules of a form make of an event. */
  preview(form: FeedForm, raw: RawEvent): Promise<Preview>;
  /** The last events of a saved feed, newest first. */
  recentEvents(feed: string): Promise<RecentEvent[]>;
  /** A test through the feed's rules, the inbox, quiet hours and a real notification. */
  testMessage(feed: string): Promise<void>;
  /** Writes into the person's folder of downloads, without secrets. */
  exportFeeds(): Promise<Exported>;
  importFeeds(text: string): Promise<Imported>;
  /** What helps to find out what is wrong, without secrets and without messages. */
  diagnostics(): Promise<string>;
  /** For good. */
  erase(what: Erase): Promise<void>;
  /** What the desktop can do, and is set to. */
  desktop(): Promise<DesktopView>;
  setAutostart(on: boolean): Promise<void>;
  /** The person knows where the app lives. */
  introduced(): Promise<void>;
  /** Opens the folder of the logs or the inbox, or one that an export went to. */
  openFolder(path: string): Promise<void>;
  /** What the window wants to find again when it is made anew. */
  keepPlace(place: string): Promise<void>;
  /** What `keepPlace` was told last. */
  lastPlace(): Promise<string | null>;
  send(form: SendForm): Promise<void>;
  /** The hub on, a feed of it, and one like through both. */
  tryIt(): Promise<void>;
  /** Opens the link of a message outside: the window itself never navigates. */
  openLink(id: number): Promise<void>;
}

/** Asks for updates, which is answered once there are some, and asks again. */
async function listen(hear: (update: WindowUpdate) => void): Promise<() => void> {
  const reader = await invoke<number>('listen');
  let listening = true;
  const follow = async () => {
    while (listening) {
      const updates = await invoke<WindowUpdate[] | null>('updates', { reader });
      // Another page listens.
      if (!updates) return;
      for (const update of updates) {
        try {
          if (listening) hear(update);
        } catch (why) {
          reportError(why);
        }
      }
    }
  };
  void follow();
  return () => {
    listening = false;
  };
}

/** The notifier behind Tauri's commands. */
export const tauri: Backend = {
  listen,
  app: () => invoke('app'),
  messages: (query) => invoke('messages', { query }),
  message: (id) => invoke('message', { id }),
  facets: (feeds) => invoke('facets', { feeds }),
  markRead: (which, read) => invoke('mark_read', { which, read }),
  pin: (which, pinned) => invoke('pin', { which, pinned }),
  setDone: (which, done) => invoke('set_done', { which, done }),
  deleteMessages: (which) => invoke('delete_messages', { which }),
  restoreMessages: (which) => invoke('restore_messages', { which }),
  bulk: (query, what) => invoke('bulk', { query, what }),
  undoBulk: (done) => invoke('undo_bulk', { done }),
  exportMessages: (query, format) => invoke('export_messages', { query, format }),
  act: (id, place) => invoke('act', { id, place }),
  icon: (id) => invoke('icon', { id }),
  settings: () => invoke('settings'),
  saveGeneral: (form) => invoke('save_general', { form }),
  saveHub: (form) => invoke('save_hub', { form }),
  switchHub: (mode) => invoke('switch_hub', { mode }),
  hubLists: () => invoke('hub_lists'),
  createToken: (form) => invoke('create_token', { form }),
  revokeToken: (id) => invoke('revoke_token', { id }),
  disconnect: (id, ban) => invoke('disconnect', { id, ban }),
  unban: (uid) => invoke('unban', { uid }),
  saveFeed: (form) => invoke('save_feed', { form }),
  removeFeed: (id) => invoke('remove_feed', { id }),
  pause: (until) => invoke('pause', { until }),
  resume: () => invoke('resume'),
  reconnect: (feed) => invoke('reconnect', { feed }),
  mute: (feed, until) => invoke('mute', { feed, until }),
  unmute: (feed) => invoke('unmute', { feed }),
  guessPreset: (url) => invoke('guess_preset', { url }),
  testFeed: (form) => invoke('test_feed', { form }),
  stopTest: () => invoke('stop_test'),
  preview: (form, raw) => invoke('preview', { form, raw }),
  recentEvents: (feed) => invoke('recent_events', { feed }),
  testMessage: (feed) => invoke('test_message', { feed }),
  exportFeeds: () => invoke('export_feeds'),
  importFeeds: (text) => invoke('import_feeds', { text }),
  diagnostics: () => invoke('diagnostics'),
  erase: (what) => invoke('erase', { what }),
  desktop: () => invoke('desktop'),
  setAutostart: (on) => invoke('set_autostart', { on }),
  introduced: () => invoke('introduced'),
  openFolder: (path) => invoke('open_folder', { path }),
  keepPlace: (place) => invoke('keep_place', { place }),
  lastPlace: () => invoke('last_place'),
  send: (form) => invoke('send', { form }),
  tryIt: () => invoke('try_it'),
  openLink: (id) => invoke('open_link', { id }),
};

/** Any rejection as a refusal: what is not one (a broken bridge, a bug) gets a sentence of its own. */
export function refusal(error: unknown): Refusal {
  if (isRefusal(error)) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return { text: { id: 'ui-error-unexpected', args: { detail } }, fields: [] };
}

function isRefusal(error: unknown): error is Refusal {
  return typeof error === 'object' && error !== null && 'text' in error && 'fields' in error
    && typeof error.text === 'object' && Array.isArray(error.fields);
}
