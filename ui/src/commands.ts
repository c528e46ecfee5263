import type { IconName } from './Icon.svelte';
import { pauseMenu } from './menus';
import { SECTIONS, type Model } from './model.svelte';

/** One thing that the command palette can do. */
export interface Command {
  id: string;
  icon: IconName;
  label: string;
  /** Its key, or what it leads to. */
  note?: string;
  act: () => void;
}

/** All that can be done now, the usual first. */
export function commands(m: Model): Command[] {
  const { app, settings } = m;
  if (app === null || settings === null) return [];
  const found: Command[] = [];
  const add = (id: string, icon: IconName, label: string, act: () => void, note?: string): void => {
    found.push({ id, icon, label, act, ...(note === undefined ? {} : { note }) });
  };

  add('all', 'inbox', m.t('command-go', { name: m.t('rail-all') }), () => m.show({ kind: 'all' }), 'g a');
  add('unread', 'unread', m.t('command-go', { name: m.t('rail-unread') }), () => m.show({ kind: 'unread' }), 'g u');
  add('pinned', 'pin', m.t('command-go', { name: m.t('rail-pinned') }), () => m.show({ kind: 'pinned' }));
  add('done', 'archive', m.t('filter-show-done'), () => { m.show({ kind: 'all' }); m.filterBy({ done: true }); });
  if (app.pause === null) for (const [i, item] of pauseMenu(m).entries()) add(`pause-${i}`, item.icon ?? 'pause', m.t('command-pause', { span: item.label }), item.act, item.note);
  else add('resume', 'play', m.t('command-resume'), () => m.resume(), 'Shift P');
  add('read', 'done', m.t('action-mark-all'), () => m.markAllRead());
  add('add', 'plus', m.t('feed-add'), () => m.go({ kind: 'feed', id: '' }));
  for (const feed of app.feeds) add(`feed-${feed.id}`, 'bell', m.t('command-go', { name: feed.name }), () => m.show({ kind: 'feed', id: feed.id }));
  add('hub', 'hub', m.t('command-go', { name: m.t('rail-hub') }), () => m.go({ kind: 'hub' }), 'g h');
  for (const section of SECTIONS) {
    add(`settings-${section}`, 'settings', m.t('command-settings', { name: m.t(`settings-${section}`) }), () => m.go({ kind: 'settings', section }));
  }
  for (const theme of ['system', 'light', 'dark'] as const) {
    if (settings.general.theme !== theme) add(`theme-${theme}`, 'screen', m.t(`command-theme-${theme}`), () => m.change({ theme }));
  }
  // Each in its own language: who looks for it may not read the other.
  for (const [language, name] of [['en', 'English'], ['zh-CN', '简体中文']] as const) {
    if (m.words.locale !== language) add(`language-${language}`, 'globe', m.t('command-language', { name }), () => m.change({ language }));
  }
  add('export-json', 'download', m.t('action-export-json'), () => m.export('json'));
  add('export-csv', 'download', m.t('action-export-csv'), () => m.export('csv'));
  for (const feed of app.feeds) {
    add(`test-${feed.id}`, 'send', m.t('command-test', { name: feed.name }), () => m.testMessage(feed.id));
    add(`edit-${feed.id}`, 'settings', m.t('command-edit', { name: feed.name }), () => m.go({ kind: 'feed', id: feed.id }));
    if (feed.muted) add(`unmute-${feed.id}`, 'bell', m.t('command-unmute', { name: feed.name }), () => m.unmute(feed));
    else {
      add(`mute-hour-${feed.id}`, 'clock', m.t('command-mute-hour', { name: feed.name }), () => m.mute(feed, Date.now() + 3_600_000));
      add(`mute-${feed.id}`, 'mute', m.t('command-mute', { name: feed.name }), () => m.mute(feed, null));
    }
    if (feed.state.kind !== 'off') add(`reconnect-${feed.id}`, 'again', m.t('command-reconnect', { name: feed.name }), () => m.reconnect(feed.id));
  }
  return found;
}

/** The commands that a query may mean, the likeliest first. Equally likely ones keep their order. */
export function rank(all: readonly Command[], query: string): Command[] {
  const wanted = query.toLocaleLowerCase().replace(/\s+/g, '');
  if (wanted === '') return [...all];
  return all
    .map((command) => ({ command, score: Math.max(fit(command.label, wanted), fit(command.id, wanted) - 1) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .map(({ command }) => command);
}

/** How well the letters of `wanted` are found in `text`, in their order; zero if they are not. */
function fit(text: string, wanted: string): number {
  const letters = [...text.toLocaleLowerCase()];
  const asked = [...wanted];
  let best = 0;
  for (let start = 0; start < letters.length; start += 1) {
    if (letters[start] !== asked[0]) continue;
    let score = 0;
    let at = start;
    let next = 0;
    let before = -1;
    for (; at < letters.length && next < asked.length; at += 1) {
      if (letters[at] !== asked[next]) continue;
      const begins = at === 0 || /[\s\-“《·]/.test(letters[at - 1]!);
      score += 2 + (begins ? 4 : 0) + (before === at - 1 ? 6 : 0);
      before = at;
      next += 1;
    }
    if (next === asked.length) best = Math.max(best, score - letters.length / 100);
  }
  return best;
}
