import { invoke } from '@tauri-apps/api/core';
import { listen } from '@tauri-apps/api/event';
import type {
  AppView, FeedForm, GeneralForm, HubForm, HubLists, HubMode, MessageDetail, MessagePage, MessageQuery,
  NewTokenView, Refusal, SendForm, SettingsView, TokenForm, WindowUpdate,
} from './bindings';

/** What the window can ask of the notifier. Every call may reject with a `Refusal`. */
export interface Backend {
  /** Hears of every update from now on. Resolves once none can be missed. */
  listen(hear: (update: WindowUpdate) => void): Promise<() => void>;
  app(): Promise<AppView>;
  messages(query: MessageQuery): Promise<MessagePage>;
  message(id: number): Promise<MessageDetail | null>;
  markRead(ids: number[], read: boolean): Promise<void>;
  markAllRead(query: MessageQuery): Promise<void>;
  pin(ids: number[], pinned: boolean): Promise<void>;
  deleteMessages(ids: number[]): Promise<void>;
  restoreMessages(ids: number[]): Promise<void>;
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
  /** The preset that an address looks like. */
  guessPreset(url: string): Promise<string | null>;
  testFeed(form: FeedForm): Promise<void>;
  stopTest(): Promise<void>;
  send(form: SendForm): Promise<void>;
  /** The hub on, a feed of it, and one like through both. */
  tryIt(): Promise<void>;
  /** Opens the link of a message outside: the window itself never navigates. */
  openLink(id: number): Promise<void>;
}

/** The notifier behind Tauri's commands and its one event. */
export const tauri: Backend = {
  listen: (hear) => listen<WindowUpdate>('update', (event) => hear(event.payload)),
  app: () => invoke('app'),
  messages: (query) => invoke('messages', { query }),
  message: (id) => invoke('message', { id }),
  markRead: (ids, read) => invoke('mark_read', { ids, read }),
  markAllRead: (query) => invoke('mark_all_read', { query }),
  pin: (ids, pinned) => invoke('pin', { ids, pinned }),
  deleteMessages: (ids) => invoke('delete_messages', { ids }),
  restoreMessages: (ids) => invoke('restore_messages', { ids }),
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
  guessPreset: (url) => invoke('guess_preset', { url }),
  testFeed: (form) => invoke('test_feed', { form }),
  stopTest: () => invoke('stop_test'),
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
