import type { FeedView } from './bindings';
import type { IconName } from './Icon.svelte';
import type { Model } from './model.svelte';

/** One line of a menu. */
export interface MenuItem {
  /** Without one: a mark where it is on. */
  icon?: IconName;
  label: string;
  note?: string;
  /** Set: a choice that is on or off. */
  checked?: boolean;
  /** One of several of which one is on. */
  radio?: boolean;
  /** The menu stays open: more may be chosen. */
  stays?: boolean;
  /** A line above. */
  ruled?: boolean;
  act: () => void;
}

/** What can be done with a feed, wherever it is shown. */
export function feedMenu(m: Model, feed: FeedView): MenuItem[] {
  const hour = m.now + 3_600_000;
  const quiet: MenuItem[] = feed.muted
    ? [{ icon: 'bell', label: m.t('mute-off'), act: () => m.unmute(feed) }]
    : [
      { icon: 'clock', label: m.t('mute-hour'), note: m.t('pause-until-note', { time: m.words.time(hour) }), act: () => m.mute(feed, Date.now() + 3_600_000) },
      { icon: 'moon', label: m.t('mute-tomorrow'), note: m.words.time(m.tomorrow), act: () => m.mute(feed, m.tomorrow) },
      { icon: 'mute', label: m.t('mute-for-good'), act: () => m.mute(feed, null) },
    ];
  return [
    ...quiet,
    ...(feed.state.kind === 'off' ? [] : [{ icon: 'again', label: m.t('feed-reconnect-now'), ruled: true, act: () => m.reconnect(feed.id) } as const]),
    { icon: 'done', label: m.t('action-mark-all'), act: () => m.markAllRead(feed.id) },
    { icon: 'settings', label: m.t('feed-edit'), act: () => m.go({ kind: 'feed', id: feed.id }) },
  ];
}

/** How long to pause. */
export function pauseMenu(m: Model): MenuItem[] {
  const hour = m.now + 3_600_000;
  return [
    { icon: 'clock', label: m.t('pause-hour'), note: m.t('pause-until-note', { time: m.words.time(hour) }), act: () => m.pause(Date.now() + 3_600_000) },
    { icon: 'moon', label: m.t('pause-tomorrow'), note: m.words.time(m.tomorrow), act: () => m.pause(m.tomorrow) },
    { icon: 'pause', label: m.t('pause-open'), act: () => m.pause(null) },
  ];
}
