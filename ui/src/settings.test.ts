import { flushSync } from 'svelte';
import { describe, expect, it, vi } from 'vitest';
import { Fake, type FakeOptions } from './fake';
import type { Model, Section } from './model.svelte';
import { all, click, one, show, soon, type, valueOf } from './testing';

async function settings(section: Section, options: FakeOptions = {}): Promise<{ fake: Fake; model: Model }> {
  const shown = await show(options);
  shown.model.go({ kind: 'settings', section });
  flushSync();
  return shown;
}

const text = (id: string): string => one(id).textContent!.trim();
const checked = (id: string): string | null => one(id).getAttribute('aria-checked');
function key(element: HTMLElement, key: string, more: KeyboardEventInit = {}): void {
  element.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more }));
  element.dispatchEvent(new KeyboardEvent('keyup', { key, bubbles: true }));
  flushSync();
}
const resize = (width: number): void => (window as unknown as { happyDOM: { setViewport(size: { width: number }): void } }).happyDOM.setViewport({ width });
const general = (model: Model) => model.settings!.general;

describe('every section', () => {
  it('shows what was confirmed, and gives it back with Undo', async () => {
    const { model } = await settings('notifications');
    click('hide-content');
    await soon(() => expect(checked('hide-content')).toBe('true'));
    expect(general(model).hide_content).toBe(true);
    await soon(() => expect(text('toast')).toContain('Settings saved'));
    click('undo');
    await soon(() => expect(checked('hide-content')).toBe('false'));
  });

  it('keeps showing what holds when a change is refused', async () => {
    const { fake, model } = await settings('notifications');
    fake.refusing = { text: { id: 'fake-port', args: {} }, fields: [] };
    click('hide-content');
    type('sound', 'silent');
    await soon(() => expect(text('form-refusal')).toContain('Port 2355'));
    await soon(() => expect(valueOf('sound')).toBe('system'));
    expect(checked('hide-content')).toBe('false');
    expect(general(model).sound).toEqual({ kind: 'system' });
  });

  it('takes two quick changes without losing one, and undoes the last alone', async () => {
    const { model } = await settings('notifications');
    click('hide-content');
    type('sound', 'named:bell');
    await soon(() => expect(general(model).sound).toEqual({ kind: 'named', name: 'bell' }));
    expect(general(model).hide_content).toBe(true);
    await soon(() => one('undo'));
    click('undo');
    await soon(() => expect(general(model).sound).toEqual({ kind: 'system' }));
    expect(general(model).hide_content).toBe(true);
  });

  it('is listed in order, with the list a page of its own where it is narrow', async () => {
    const { model } = await show();
    model.go({ kind: 'settings', section: null });
    flushSync();
    const names = [...document.querySelectorAll('main nav button')].map((button) => button.textContent!.trim());
    expect(names).toEqual(['Feeds', 'Notifications', 'Quiet', 'Inbox', 'Hub', 'Appearance', 'System', 'Advanced']);
    expect(one('settings-feeds').getAttribute('aria-current')).toBe('page');
    resize(420);
    await soon(() => expect(all('settings-section')).toEqual([]));
    click('settings-quiet');
    expect(all('settings-feeds')).toEqual([]);
    expect(document.querySelector('h1')!.textContent).toBe('Quiet');
    document.querySelector<HTMLElement>('.top .back')!.click();
    flushSync();
    expect(all('settings-quiet')).toHaveLength(1);
    resize(1024);
  });
});

describe('feeds', () => {
  it('switches one off and on again', async () => {
    const { model } = await settings('feeds');
    expect(all('settings-row')).toHaveLength(6);
    click('feed-enabled-journal');
    await soon(() => expect(checked('feed-enabled-journal')).toBe('false'));
    await soon(() => one('undo'));
    click('undo');
    await soon(() => expect(model.settings!.feeds[0]!.enabled).toBe(true));
  });

  it('mutes and deletes from the menu', async () => {
    const { model } = await settings('feeds');
    const choose = (name: string): void => {
      [...document.querySelectorAll<HTMLElement>('[role="menuitem"]')].find((item) => item.textContent!.trim() === name)!.click();
      flushSync();
    };
    click('feed-more-door');
    choose('Mute');
    await soon(() => expect(model.feed('door')!.muted).toBe(true));
    click('feed-more-door');
    choose('Unmute');
    await soon(() => expect(model.feed('door')!.muted).toBe(false));
    click('feed-more-door');
    choose('Delete feed');
    await soon(() => expect(all('settings-row')).toHaveLength(5));
    await soon(() => one('undo'));
    click('undo');
    await soon(() => expect(all('settings-row')).toHaveLength(6));
  });

  it('exports, says where, and opens the folder', async () => {
    const { fake } = await settings('feeds');
    const opened = vi.spyOn(fake, 'openFolder');
    click('export-feeds');
    await soon(() => expect(text('toast')).toContain('6 feeds are in /home/ada/Downloads/feedbell-feeds.toml'));
    click('toast-more');
    await soon(() => expect(opened).toHaveBeenCalledWith('/home/ada/Downloads/feedbell-feeds.toml'));
  });

  it('imports a pasted list, tells what came of it, and takes it back', async () => {
    const { model } = await settings('feeds');
    click('import-open');
    type('import-text', 'no list');
    click('import-take');
    await soon(() => expect(text('import-wrong')).toContain('no list of feeds'));
    type('import-text', '[[feed]]');
    click('import-take');
    await soon(() => expect(text('import-result')).toContain('3 feeds came: Journal, Build farm, Front door'));
    expect(text('import-result')).toContain('wait for theirs');
    expect(text('import-result')).toContain('Home ntfy is here already');
    expect(model.settings!.feeds).toHaveLength(9);
    click('import-undo');
    await soon(() => expect(model.settings!.feeds).toHaveLength(6));
    expect(all('import-result')).toEqual([]);
  });

  it('imports a file, but none that is far too long', async () => {
    const { model, fake } = await settings('feeds');
    click('import-open');
    const give = (file: File): void => {
      Object.defineProperty(one('import-file'), 'files', { value: [file], configurable: true });
      one('import-file').dispatchEvent(new Event('change', { bubbles: true }));
    };
    const long = new File(['x'], 'film.mkv');
    Object.defineProperty(long, 'size', { value: 5e9 });
    give(long);
    await soon(() => expect(text('import-wrong')).toContain('film.mkv is too long'));
    expect(fake.asked.importFeeds).toBeUndefined();
    give(new File(['[[feed]]'], 'feeds.toml'));
    await soon(() => expect(model.settings!.feeds).toHaveLength(9));
    // The toast undoes it as well.
    await soon(() => one('undo'));
    click('undo');
    await soon(() => expect(model.settings!.feeds).toHaveLength(6));
  });
});

describe('notifications', () => {
  it('offers named sounds, and keeps one from the file that it does not know', async () => {
    const { fake, model } = await settings('notifications');
    expect([...one('sound').querySelectorAll('option')].map((option) => option.textContent)).toContain('Alarm clock');
    await fake.saveGeneral({ ...general(model), sound: { kind: 'named', name: 'service-login' } });
    await soon(() => expect(valueOf('sound')).toBe('named:service-login'));
  });

  it('sends a test through the feed that was chosen, and says when it will be silent', async () => {
    const { fake } = await settings('notifications');
    const sent = vi.spyOn(fake, 'testMessage');
    type('test-feed', 'mastodon');
    expect(text('settings-section')).toContain('This feed is muted');
    type('test-feed', 'door');
    click('test-send');
    await soon(() => expect(text('toast')).toContain('Test sent'));
    expect(sent).toHaveBeenCalledWith('door');
  });

  it('asks for a feed first when there is none', async () => {
    await settings('notifications', { scene: 'first' });
    expect(text('settings-section')).toContain('Add a feed first');
    expect(all('test-send')).toEqual([]);
  });
});

describe('quiet', () => {
  const noon = new Date(2026, 5, 4, 12).getTime();

  it('says how it is, pauses, and resumes', async () => {
    const { model } = await settings('quiet', { now: noon });
    expect(text('quiet-status')).toMatch(/Notifications are on\s*Quiet hours start .*22:00\. Silenced messages/);
    expect(checked('pause-off')).toBe('true');
    click('pause-open');
    await soon(() => expect(text('quiet-status')).toContain('Notifications are paused'));
    expect(checked('pause-open')).toBe('true');
    click('quiet-resume');
    await soon(() => expect(checked('pause-off')).toBe('true'));
    click('pause-hour');
    await soon(() => expect(checked('pause-hour')).toBe('true'));
    expect(text('quiet-status')).toContain('Paused until');
    click('pause-tomorrow');
    await soon(() => expect(checked('pause-tomorrow')).toBe('true'));
    expect(model.app!.pause!.until).toBe(model.tomorrow);
  });

  it('draws each night on both of its days', async () => {
    await settings('quiet');
    expect(all('quiet-bar')).toHaveLength(14);
    expect(all('quiet-bar').filter((bar) => bar.dataset.day === '6').map((bar) => bar.title).sort()).toEqual(['23:30 until 00:00', 'until 10:00']);
    const edges = all('quiet-edge');
    expect(edges).toHaveLength(14);
    expect(edges[0]!.getAttribute('role')).toBe('slider');
    expect(edges[0]!.getAttribute('aria-valuetext')).toBe('Monday, 22:00');
    expect(edges[1]!.getAttribute('aria-valuetext')).toBe('Tuesday, 08:00');
    // One stop for Tab, the arrows do the rest.
    expect(edges.filter((edge) => edge.tabIndex === 0)).toHaveLength(1);
  });

  it('moves an edge by keys, a day at a time', async () => {
    const { model } = await settings('quiet');
    const monday = one('quiet-edge');
    monday.focus();
    key(monday, 'ArrowRight');
    await soon(() => expect(general(model).quiet.hours).toEqual([
      { days: [1], from: 1350, until: 480 }, { days: [2, 3, 4, 7], from: 1320, until: 480 }, { days: [5, 6], from: 1410, until: 600 },
    ]));
    key(one('quiet-edge'), 'ArrowLeft', { shiftKey: true });
    await soon(() => expect(general(model).quiet.hours[0]).toEqual({ days: [1], from: 1345, until: 480 }));
    // To the next whole step.
    key(one('quiet-edge'), 'ArrowLeft');
    await soon(() => expect(general(model).quiet.hours[0]).toEqual({ days: [1, 2, 3, 4, 7], from: 1320, until: 480 }));
    key(one('quiet-edge'), 'ArrowDown');
    expect(document.activeElement!.getAttribute('aria-valuetext')).toBe('Tuesday, 22:00');
  });

  it('moves an edge by dragging, and saves once it is let go', async () => {
    const { fake, model } = await settings('quiet');
    const edge = all('quiet-edge').find((each) => each.getAttribute('aria-valuetext') === 'Friday, 23:30')!;
    Object.defineProperty(edge.parentElement!, 'clientWidth', { value: 480 });
    edge.setPointerCapture = () => undefined;
    const point = (what: string, x: number): void => {
      edge.dispatchEvent(new PointerEvent(what, { clientX: x, button: 0, pointerId: 1, bubbles: true }));
      flushSync();
    };
    point('pointerdown', 400);
    point('pointermove', 380);
    point('pointermove', 371);
    expect(fake.asked.saveGeneral).toBeUndefined();
    expect(edge.getAttribute('aria-valuetext')).toBe('Friday, 22:00');
    point('pointerup', 371);
    await soon(() => expect(general(model).quiet.hours).toContainEqual({ days: [5], from: 1320, until: 600 }));
    expect(fake.asked.saveGeneral).toBe(1);
  });

  it('takes exact times, copies them to every day, and removes', async () => {
    const { model } = await settings('quiet');
    one('quiet-edge').focus();
    flushSync();
    type('quiet-from', '21:15');
    await soon(() => expect(general(model).quiet.hours[0]).toEqual({ days: [1], from: 1275, until: 480 }));
    type('quiet-until', '07:00');
    await soon(() => expect(general(model).quiet.hours[0]).toEqual({ days: [1], from: 1275, until: 420 }));
    click('quiet-every-day');
    await soon(() => expect(general(model).quiet.hours).toEqual([{ days: [1, 2, 3, 4, 5, 6, 7], from: 1275, until: 420 }]));
    click('quiet-remove');
    await soon(() => expect(general(model).quiet.hours[0]!.days).toEqual([2, 3, 4, 5, 6, 7]));
    // Who works by keys is not left nowhere.
    expect(document.activeElement!.getAttribute('aria-valuetext')).toBe('Tuesday, 21:15');
    await soon(() => one('undo'));
    click('undo');
    await soon(() => expect(general(model).quiet.hours[0]!.days).toHaveLength(7));
  });

  it('adds hours on chosen days, and none without a day', async () => {
    const { model } = await settings('quiet');
    click('quiet-add');
    for (const day of [1, 2, 3, 4, 5]) click(`quiet-day-${day}`);
    expect((one('quiet-new-add') as HTMLButtonElement).disabled).toBe(true);
    click('quiet-day-3');
    type('quiet-new-from', '12:30');
    type('quiet-new-until', '13:30');
    click('quiet-new-add');
    await soon(() => expect(general(model).quiet.hours).toContainEqual({ days: [3], from: 750, until: 810 }));
    expect(all('quiet-new')).toEqual([]);
  });

  it('has hours for every night when it is turned on without any', async () => {
    const { fake, model } = await settings('quiet');
    await fake.saveGeneral({ ...general(model), quiet: { ...general(model).quiet, on: false, hours: [] } });
    await soon(() => expect(all('quiet-bar')).toEqual([]));
    click('quiet-on');
    await soon(() => expect(all('quiet-bar')).toHaveLength(14));
    expect(checked('quiet-on')).toBe('true');
  });

  it('goes back to what holds when hours are refused', async () => {
    const { fake } = await settings('quiet');
    fake.refusing = { text: { id: 'fake-general', args: {} }, fields: [{ field: 'quiet.hours.0.from', text: { id: 'fake-url', args: {} } }] };
    key(one('quiet-edge'), 'ArrowRight');
    await soon(() => expect(text('form-refusal')).toContain('quiet.hours.0.from'));
    expect(one('quiet-edge').getAttribute('aria-valuetext')).toBe('Monday, 22:00');
  });

  it('sets what gets through, follows the system, and unmutes', async () => {
    const { fake, model } = await settings('quiet');
    expect(checked('breakthrough-urgent')).toBe('true');
    click('breakthrough-none');
    await soon(() => expect(general(model).quiet.breakthrough).toBeNull());
    expect(checked('breakthrough-none')).toBe('true');
    click('follow-system');
    await soon(() => expect(general(model).quiet.follow_system).toBe(false));
    await fake.mute('door', model.tomorrow);
    await soon(() => expect(all('quiet-unmute')).toHaveLength(2));
    expect(text('settings-section')).toContain('Muted until tomorrow at 08:00');
    click('quiet-unmute');
    await soon(() => expect(all('quiet-unmute')).toHaveLength(1));
  });
});

describe('inbox', () => {
  it('keeps read messages for as many days, and lists the feeds that differ', async () => {
    const { fake, model } = await settings('inbox');
    type('keep-days', '7');
    await soon(() => expect(general(model).keep_days).toBe(7));
    expect(text('settings-section')).toContain('after 7 days');
    await fake.saveFeed({ ...model.settings!.feeds[1]!, keep_days: 0 });
    await soon(() => expect(text('settings-section')).toContain('Its messages stay for ever.'));
    click('keep-own');
    expect(model.page).toEqual({ kind: 'feed', id: 'build' });
  });

  it('exports in both formats', async () => {
    await settings('inbox');
    click('export-csv');
    await soon(() => expect(text('toast')).toContain('feedbell-messages.csv'));
    click('export-json');
    await soon(() => expect(text('toast')).toContain('feedbell-messages.json'));
  });

  it('erases messages once that was confirmed', async () => {
    const { fake, model } = await settings('inbox');
    click('erase-messages');
    expect(text('erase-messages-ask')).toContain('cannot be undone');
    click('erase-messages-cancel');
    expect(all('erase-messages-ask')).toEqual([]);
    expect(fake.asked.erase).toBeUndefined();
    click('erase-messages');
    click('erase-messages-yes');
    await soon(() => expect(model.rows).toEqual([]));
    expect(model.settings!.feeds).toHaveLength(6);
  });
});

describe('hub', () => {
  it('shows an error at its field and keeps what was typed', async () => {
    const { fake, model } = await settings('hub');
    fake.saveHub = () => Promise.reject({ text: { id: 'fake-general', args: {} }, fields: [{ field: 'listen', text: { id: 'fake-port', args: {} } }] });
    type('hub-address', '127.0.0.1:80');
    await soon(() => expect(text('error-listen')).toContain('Port 2355'));
    expect(valueOf('hub-address')).toBe('127.0.0.1:80');
    expect(model.settings!.hub.listen).toBe('127.0.0.1:2355');
  });

  it('takes origins a line each, and encryption', async () => {
    const { model } = await settings('hub');
    type('hub-origins', 'http://localhost:3000\n\n https://a.example \n');
    await soon(() => expect(model.settings!.hub.allow_origins).toEqual(['http://localhost:3000', 'https://a.example']));
    type('hub-tls', 'required');
    await soon(() => expect(model.settings!.hub.tls).toBe('required'));
  });
});

describe('appearance', () => {
  it('applies the theme to the window', async () => {
    await settings('appearance');
    click('theme-dark');
    await soon(() => expect(document.documentElement.dataset.theme).toBe('dark'));
    expect(checked('theme-dark')).toBe('true');
    one('theme').dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true, cancelable: true }));
    await soon(() => expect(document.documentElement.dataset.theme).toBe('system'));
  });

  it('draws the number on the tray icon when asked', async () => {
    const { model } = await settings('appearance');
    click('tray-count');
    await soon(() => expect(model.app!.tray_count).toBe(true));
  });
});

describe('system', () => {
  it('starts at login', async () => {
    const { fake } = await settings('system');
    await soon(() => expect(checked('autostart')).toBe('false'));
    click('autostart');
    await soon(() => expect(checked('autostart')).toBe('true'));
    expect(fake.asked.setAutostart).toBe(1);
  });

  it('takes pressed keys, tells of a conflict, and clears them', async () => {
    const { model } = await settings('system');
    click('shortcut');
    expect(text('shortcut')).toBe('Press the keys…');
    key(one('shortcut'), 'b', { code: 'KeyB' });
    expect(text('shortcut-why')).toContain('B alone would be taken');
    key(one('shortcut'), 'Control', { code: 'ControlLeft', ctrlKey: true });
    key(one('shortcut'), 't', { code: 'KeyT', ctrlKey: true, altKey: true });
    await soon(() => expect(general(model).shortcut).toBe('Ctrl+Alt+T'));
    await soon(() => expect(text('shortcut-trouble')).toContain('Another program has Ctrl+Alt+T'));
    click('shortcut-clear');
    await soon(() => expect(general(model).shortcut).toBe(''));
    await soon(() => expect(all('shortcut-trouble')).toEqual([]));
  });

  it('leaves the keys as they are with Escape, and lets Tab go on', async () => {
    const { model } = await settings('system');
    click('shortcut');
    key(one('shortcut'), 'Escape');
    expect(text('shortcut')).toBe('None');
    expect(model.page.kind).toBe('settings');
    click('shortcut');
    const tab = new KeyboardEvent('keydown', { key: 'Tab', code: 'Tab', bubbles: true, cancelable: true });
    one('shortcut').dispatchEvent(tab);
    expect(tab.defaultPrevented).toBe(false);
  });

  it('asks for the address of a proxy before it changes anything, and shows what is wrong with it', async () => {
    const { fake, model } = await settings('system');
    type('proxy', 'address');
    expect(fake.asked.saveGeneral).toBeUndefined();
    type('proxy-address', 'localhost');
    await soon(() => expect(text('error-proxy')).toContain('begins with http'));
    expect(valueOf('proxy-address')).toBe('localhost');
    type('proxy-address', 'socks5://127.0.0.1:1080');
    await soon(() => expect(general(model).proxy).toBe('socks5://127.0.0.1:1080'));
    expect(all('error-proxy')).toEqual([]);
    type('proxy', 'none');
    await soon(() => expect(general(model).proxy).toBe('none'));
    expect(all('proxy-address')).toEqual([]);
  });

  it('keeps a closed window as long as asked, and ignores what is no number', async () => {
    const { model } = await settings('system');
    type('window-minutes', '0');
    await soon(() => expect(text('settings-section')).toContain('0 frees its memory'));
    type('window-minutes', '');
    await soon(() => expect(valueOf('window-minutes')).toBe('0'));
    expect(general(model).window_minutes).toBe(0);
  });

  it('says plainly that it asks nobody for updates', async () => {
    await settings('system');
    expect(text('updates')).toContain('never asks for updates');
    await soon(() => expect(text('tray-state')).toBe('Shown'));
  });
});

describe('advanced', () => {
  it('shows diagnostics to copy, and opens folders', async () => {
    const { fake } = await settings('advanced');
    const opened = vi.spyOn(fake, 'openFolder');
    click('diagnostics');
    await soon(() => expect(text('diagnostics-text')).toContain('Feedbell 0.1.0'));
    await soon(() => one('open-logs'));
    click('open-logs');
    await soon(() => expect(opened).toHaveBeenCalledWith('/home/ada/.local/state/feedbell'));
  });

  it('resets settings alone', async () => {
    const { model } = await settings('advanced');
    click('reset');
    click('reset-yes');
    await soon(() => expect(general(model).keep_days).toBe(90));
    expect(model.settings!.feeds).toHaveLength(6);
    expect(model.rows.length).toBeGreaterThan(0);
  });

  it('erases everything after saying what goes', async () => {
    const { model } = await settings('advanced');
    click('erase-everything');
    for (const what of ['messages', 'feeds', 'tokens and passwords', 'hub', 'presets']) expect(text('erase-everything-ask')).toContain(what);
    click('erase-everything-yes');
    await soon(() => expect(model.settings!.feeds).toEqual([]));
    await soon(() => expect(model.page.kind).toBe('inbox'));
  });

  it('tells when something could not be erased', async () => {
    const { fake, model } = await settings('advanced');
    fake.erase = () => Promise.reject({ text: { id: 'fake-port', args: {} }, fields: [] });
    click('erase-everything');
    click('erase-everything-yes');
    await soon(() => expect(text('toast')).toContain('Port 2355'));
    expect(model.page.kind).toBe('settings');
  });
});
