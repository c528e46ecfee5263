import { flushSync } from 'svelte';
import { describe, expect, it, vi } from 'vitest';
import { Fake } from './fake';
import type { Place } from './place';
import { EVERYTHING } from './pages';
import { all, click, one, press, show, soon, type } from './testing';

const titles = (): string[] => all('message-row').map((row) => row.querySelector('b')!.textContent!);
function choose(label: string): void {
  const item = all('menu-item').find((each) => each.textContent!.includes(label));
  if (!item) throw new Error(`no ${label} in ${all('menu-item').map((each) => each.textContent).join('|')}`);
  item.click();
  flushSync();
}
function ctrlK(): void {
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'k', ctrlKey: true, bubbles: true, cancelable: true }));
  flushSync();
}
const undone = async (): Promise<void> => {
  press('z');
  await soon(() => expect(one('toast').textContent).toContain('Taken back'));
};

describe('filters', () => {
  it('shows several feeds at once, names them, and clears', async () => {
    await show();
    click('chip-feed-menu');
    choose('Journal');
    // The menu stays open for the next.
    choose('Front door');
    await soon(() => expect(titles()).toEqual(['23 likes on “Shipping day notes”', 'Inês saved “Shipping day notes”', 'Front door opened']));
    expect(one('chip-feed').textContent).toContain('2 feeds');
    expect(all('menu-item').filter((item) => item.getAttribute('aria-checked') === 'true')).toHaveLength(2);
    click('chip-feed-clear');
    await soon(() => expect(titles().length).toBeGreaterThan(5));
  });

  it('offers the event names there are', async () => {
    const { fake } = await show();
    click('chip-event-menu');
    await soon(() => choose('build-failed'));
    await soon(() => expect(titles()).toEqual(['Build failed on main']));
    expect(fake.asked.facets).toBe(1);
    expect(one('chip-event').textContent).toContain('build-failed');
  });

  it('shows the urgent ones, and names what hides the rest', async () => {
    await show();
    click('chip-urgency-menu');
    choose('High or more');
    await soon(() => expect(titles()).toEqual(['Build failed on main']));
    click('chip-urgency-menu');
    all('menu-item')[0]!.click();
    await soon(() => expect(one('empty-list').textContent).toContain('less urgent'));
  });

  it('leaves out unread where done is shown', async () => {
    const { model } = await show();
    model.onlyUnread(true);
    model.filterBy({ done: true });
    expect(model.filters).toMatchObject({ done: true, unread: false });
    await soon(() => expect(one('empty-list').textContent).toContain('Nothing is done yet'));
    expect(all('chip-unread')).toEqual([]);
    click('chip-done');
    await soon(() => expect(titles().length).toBeGreaterThan(5));
  });
});

describe('rows', () => {
  it('draw a burst with its people, an urgency, and why it was silent beside what it says', async () => {
    await show();
    const [burst] = all('message-row');
    expect(burst!.querySelectorAll('.av')).toHaveLength(2);
    expect(burst!.textContent).toContain('Ada, Lin Wei and 21 others');
    expect(all('message-row')[2]!.textContent).toContain('High');
    const silent = all('message-row').find((row) => row.textContent!.includes('Front door opened'))!;
    expect(silent.textContent).toMatch(/Kept silently, quiet hours · With key card 2/);
  });

  it('are done by their button and by e, and come back', async () => {
    const { model } = await show();
    const [, second] = model.rows;
    all('message-row')[1]!.querySelector<HTMLElement>('[data-testid="quick-done"]')!.click();
    await soon(() => expect(model.rows).not.toContainEqual(expect.objectContaining({ id: second!.id })));
    expect(one('toast').textContent).toContain('1 message done');
    await undone();
    await soon(() => expect(model.rows[1]!.id).toBe(second!.id));
    model.select(model.rows[3]!.id);
    await soon(() => expect(model.detail!.row.title).toBe('Build failed on main'));
    press('e');
    await soon(() => expect(titles()).not.toContain('Build failed on main'));
    await undone();
    // What it was before: unread.
    await soon(() => expect(model.rows[3]!).toMatchObject({ title: 'Build failed on main', unread: true, done: false }));
  });

  it('tell a total that is not known by position alone', async () => {
    const fake = new Fake();
    const messages = fake.messages.bind(fake);
    fake.messages = async (query) => ({ ...await messages(query), at_least: true });
    await show({}, fake);
    expect(one('message-row').getAttribute('aria-setsize')).toBe('-1');
  });
});

describe('a burst', () => {
  it('lists its messages, opens one, and goes back', async () => {
    const { fake, model } = await show();
    one('message-row').click();
    await soon(() => expect(all('burst-part')).toHaveLength(23));
    expect(one('detail-title').textContent).toBe('23 likes on “Shipping day notes”');
    expect(model.rows[0]!.title).toBe('23 likes on “Shipping day notes”');
    await soon(() => expect(one('message-row').dataset.unread).toBe('false'));
    all('burst-part')[2]!.click();
    await soon(() => expect(one('detail-title').textContent).toBe('A like on “Shipping day notes”'));
    press('#');
    await soon(() => expect(all('burst-part')).toHaveLength(22));
    expect(one('toast').textContent).toContain('1 message deleted');
    expect(fake.asked.deleteMessages).toBe(1);
    all('burst-part')[0]!.click();
    flushSync();
    press('Escape');
    await soon(() => expect(all('burst-part')).toHaveLength(22));
  });

  it('is deleted as a whole by its row', async () => {
    const { model } = await show();
    const before = model.rows.length;
    all('message-row')[0]!.querySelector<HTMLElement>('.quick button:last-child')!.click();
    await soon(() => expect(model.rows).toHaveLength(before - 1));
    expect(one('toast').textContent).toContain('23 messages deleted');
  });

  it('is followed to its newest message as it grows', async () => {
    const { fake, model } = await show();
    one('message-row').click();
    await soon(() => expect(all('burst-part')).toHaveLength(23));
    const old = model.selected!;
    const messages = fake.messages.bind(fake);
    fake.messages = async (query) => {
      const page = await messages(query);
      const grown = (row: (typeof page.rows)[number]) => ({ ...row, id: 900, title: '24 likes', count: 24 });
      if (query.burst !== null) return { ...page, rows: [grown(page.rows[0]!), ...page.rows], total: 24 };
      return { ...page, rows: page.rows.map((row) => (row.id === old ? grown(row) : row)) };
    };
    fake.message = () => Promise.resolve(model.detail && { ...model.detail, row: { ...model.detail.row, id: 900 } });
    fake.say({ kind: 'inbox' });
    await soon(() => expect(model.selected).toBe(900));
    await soon(() => expect(titles().filter((title) => title.includes('likes'))).toEqual(['24 likes']));
    expect(all('burst-part')).toHaveLength(24);
  });
});

describe('a message', () => {
  it('asks before a request is sent, and says what the server answered', async () => {
    const { fake, model } = await show();
    model.open(model.rows[3]!.id);
    await soon(() => expect(all('action')).toHaveLength(4));
    expect(all('action')[3]!).toHaveProperty('disabled', true);
    expect(one('action-off').textContent).toContain('Requests to servers are off');
    all('action')[2]!.click();
    flushSync();
    expect(one('detail').textContent).toContain('Send a request to build.example?');
    expect(fake.asked.act).toBeUndefined();
    click('action-cancel');
    all('action')[2]!.click();
    flushSync();
    click('action-send');
    await soon(() => expect(one('toast').textContent).toContain('answered with 202'));
    all('action')[1]!.click();
    await soon(() => expect(one('toast').textContent).toContain('Copied'));
    expect(fake.asked.act).toBe(2);
  });

  it('shows its picture only if it is one', async () => {
    const { fake, model } = await show();
    fake.icon = () => Promise.resolve('https://tracker.example/pixel.png');
    model.open(model.rows[1]!.id);
    await soon(() => expect(model.detail!.row.id).toBe(model.rows[1]!.id));
    expect(document.querySelector('img')).toBeNull();
    fake.icon = () => Promise.resolve('data:image/png;base64,iVBORw0KGgo=');
    model.open(model.rows[3]!.id);
    await soon(() => expect(document.querySelector('img')!.src).toMatch(/^data:image\/png/));
  });
});

describe('everything can be taken back', () => {
  it('all read', async () => {
    const { model } = await show();
    expect(model.app!.unread).toBeGreaterThan(3);
    const before = model.app!.unread;
    click('mark-all-read');
    await soon(() => expect(model.app!.unread).toBe(0));
    expect(one('toast').textContent).toContain(`${before} messages marked read`);
    click('undo');
    await soon(() => expect(model.app!.unread).toBe(before));
  });

  it('the last things, one after the other, also when another toast has come', async () => {
    const { model } = await show();
    model.mute(model.feed('door')!, null);
    await soon(() => expect(model.feed('door')!.muted).toBe(true));
    model.pause(null);
    await soon(() => expect(model.app!.pause).not.toBeNull());
    model.say('Copied');
    press('z');
    await soon(() => expect(model.app!.pause).toBeNull());
    press('z');
    await soon(() => expect(model.feed('door')!.muted).toBe(false));
    press('z');
    expect(model.toast!.text).toContain('Front door is muted');
  });

  it('names the file of an export and shows its folder', async () => {
    const { fake } = await show();
    const opened = vi.spyOn(fake, 'openFolder');
    click('list-menu');
    choose('Export as CSV');
    await soon(() => expect(one('toast').textContent).toContain('10 messages are in /home/ada/Downloads/feedbell-messages.csv'));
    click('toast-more');
    expect(opened).toHaveBeenCalledWith('/home/ada/Downloads/feedbell-messages.csv');
  });
});

describe('the palette', () => {
  it('opens by Ctrl+K, also from a field, finds, and goes', async () => {
    const { model } = await show();
    one('search').focus();
    one('search').dispatchEvent(new KeyboardEvent('keydown', { key: 'k', ctrlKey: true, bubbles: true, cancelable: true }));
    flushSync();
    type('palette-input', 'gohub');
    expect(one('command').dataset.command).toBe('hub');
    expect(one('palette-input').getAttribute('aria-activedescendant')).toBe(one('command').id);
    one('palette-input').dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }));
    flushSync();
    expect(model.page.kind).toBe('hub');
    expect(all('palette')).toEqual([]);
  });

  it('does what the keys and menus do, each with its way back', async () => {
    const { model } = await show();
    ctrlK();
    expect(all('command').map((command) => command.dataset.command)).toEqual(expect.arrayContaining(
      ['all', 'unread', 'pause-0', 'read', 'add', 'feed-door', 'settings-notifications', 'theme-dark', 'language-zh-CN', 'export-json', 'test-journal']));
    type('palette-input', 'dark look');
    click('command');
    await soon(() => expect(model.settings!.general.theme).toBe('dark'));
    await undone();
    await soon(() => expect(model.settings!.general.theme).toBe('system'));
    ctrlK();
    type('palette-input', 'zzzz');
    expect(one('palette').textContent).toContain('No command matches “zzzz”');
  });

  it('moves around the ends by arrows', async () => {
    await show();
    ctrlK();
    const selected = (): string | undefined => all('command').find((command) => command.getAttribute('aria-selected') === 'true')!.dataset.command;
    expect(selected()).toBe('all');
    one('palette-input').dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowUp', bubbles: true, cancelable: true }));
    flushSync();
    expect(selected()).toBe(all('command').at(-1)!.dataset.command);
  });
});

describe('keys', () => {
  it('go to the ends and by pages, with the focus in the list', async () => {
    const { model } = await show({ rows: 150 });
    press('End');
    expect(model.selected).toBe(model.rows.at(-1)!.id);
    expect(document.activeElement).toBe(one('message-list'));
    press('PageUp');
    expect(model.rows.findIndex((row) => row.id === model.selected)).toBe(model.rows.length - 1 - Number(one('message-list').dataset.page));
    press('Home');
    expect(model.selected).toBe(model.rows[0]!.id);
    expect(one('message-list').getAttribute('aria-activedescendant')).toBe(`row-${model.rows[0]!.id}`);
  });

  it('turn unread into read and back', async () => {
    const { model } = await show();
    model.select(model.rows[3]!.id);
    press('u');
    await soon(() => expect(model.rows[3]!.unread).toBe(false));
    press('u');
    await soon(() => expect(model.rows[3]!.unread).toBe(true));
  });
});

describe('a feed’s menu', () => {
  it('mutes for an hour, says until when, and unmutes', async () => {
    const { model } = await show();
    click('rail-menu-door');
    choose('Mute for 1 hour');
    await soon(() => expect(model.feed('door')!.muted_until).toBeGreaterThan(Date.now()));
    expect(one('toast').textContent).toContain('Front door is muted until');
    model.show({ kind: 'feed', id: 'door' });
    flushSync();
    expect(one('feed-header').textContent).toContain('Muted until');
    click('feed-menu');
    choose('Unmute');
    await soon(() => expect(model.feed('door')!.muted).toBe(false));
  });

  it('opens by the key for menus, closes by Escape, and gives the focus back', async () => {
    const { fake } = await show();
    const feed = one('rail-feed-door');
    feed.focus();
    feed.dispatchEvent(new MouseEvent('contextmenu', { bubbles: true, cancelable: true, clientX: 0, clientY: 0 }));
    flushSync();
    expect(document.activeElement).toBe(all('menu-item')[0]);
    document.activeElement!.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true, cancelable: true }));
    flushSync();
    expect(all('menu-item')).toEqual([]);
    expect(document.activeElement).toBe(feed);
    feed.dispatchEvent(new MouseEvent('contextmenu', { bubbles: true, cancelable: true }));
    flushSync();
    choose('Reconnect now');
    await soon(() => expect(fake.asked.reconnect).toBe(1));
  });
});

describe('quiet', () => {
  it.each([['hours', 'Quiet hours until'], ['system', 'do not disturb']] as const)('is told: %s', async (scene, said) => {
    await show({ scene });
    expect(one('status-pill').dataset.status).toBe(scene);
    expect(one('status-pill').textContent).toContain(said);
    expect(one('strip').textContent).toContain('Messages are kept silently');
  });

  it('of a pause ends by its strip', async () => {
    const { model } = await show({ scene: 'paused' });
    click('strip-resume');
    await soon(() => expect(model.app!.pause).toBeNull());
    expect(all('strip')).toEqual([]);
    await undone();
    await soon(() => expect(model.app!.pause).not.toBeNull());
  });
});

describe('the first days', () => {
  it('import a file, name what waits, and take it back', async () => {
    const { model } = await show({ scene: 'first' });
    await model.importFile(new File(['[[feed]]'], 'feeds.toml'));
    await soon(() => expect(one('import-result').textContent).toContain('3 feeds imported'));
    expect(one('import-result').textContent).toMatch(/Switched off until .*: Journal/);
    expect(one('import-fix').textContent).toContain('Journal');
    click('import-undo');
    await soon(() => expect(model.app!.feeds).toEqual([]));
    expect(all('import-result')).toEqual([]);
  });

  it('refuse a file that is none, in words', async () => {
    const { fake } = await show({ scene: 'first' });
    const drop = (file: File): void => {
      const event = new Event('drop', { bubbles: true, cancelable: true });
      Object.assign(event, { dataTransfer: { files: [file], types: ['Files'] } });
      one('empty-welcome').dispatchEvent(event);
    };
    drop(new File(['x'.repeat(1_000_001)], 'film.mkv'));
    await soon(() => expect(one('toast').textContent).toContain('film.mkv is too large'));
    expect(fake.asked.importFeeds).toBeUndefined();
    drop(new File(['hello'], 'notes.txt'));
    await soon(() => expect(one('toast').textContent).toContain('This is no list of feeds'));
  });

  it('switch autostart', async () => {
    const { model } = await show({ scene: 'first' });
    click('welcome-autostart');
    await soon(() => expect(model.desktop!.autostart).toBe(true));
    expect(one('welcome-autostart').getAttribute('aria-checked')).toBe('true');
  });

  it('say once where the app lives', async () => {
    const { fake } = await show();
    expect(one('newcomer').textContent).toContain('stays in the tray');
    click('newcomer-ok');
    await soon(() => expect(all('newcomer')).toEqual([]));
    expect(fake.asked.introduced).toBe(1);
  });

  it('say that there is no tray until that was read', async () => {
    const { fake } = await show({ scene: 'trayless' });
    expect(one('no-tray').textContent).toContain('Closing the window minimises it');
    expect(all('newcomer')).toEqual([]);
    click('no-tray-ok');
    await soon(() => expect(fake.asked.keepPlace).toBe(1));
    await show({}, fake);
    expect(all('no-tray')).toEqual([]);
  });
});

describe('the place', () => {
  const kept = async (fake: Fake): Promise<Place> => JSON.parse((await fake.lastPlace())!) as Place;

  it('is found again by the next window: page, view, filters, selection', async () => {
    const { fake, model } = await show({ rows: 50 });
    model.show({ kind: 'feed', id: 'build' });
    model.filterBy({ unread: true });
    await soon(() => expect(titles()).toEqual(['Build failed on main']));
    const { id } = model.rows[0]!;
    model.select(id);
    await vi.waitFor(async () => expect(await kept(fake)).toMatchObject({ selected: id, filters: { unread: true } }), { timeout: 3000 });
    const next = await show({}, fake);
    expect(next.model.view).toEqual({ kind: 'feed', id: 'build' });
    expect(next.model.filters.unread).toBe(true);
    expect(next.model.selected).toBe(id);
    expect(one('message-row').getAttribute('aria-selected')).toBe('true');
  });

  it('is found again far down, before anything is drawn', async () => {
    const fake = new Fake({ rows: 3000 });
    const place: Place = {
      page: ['inbox', ''], view: { kind: 'all' }, filters: { unread: false, done: false, feeds: [], events: [], urgency: null }, search: '',
      selected: null, opened: false, anchor: { id: 1200, offset: 10, seen: 0 }, trayless: false,
    };
    const rows = (await fake.messages({ ...EVERYTHING, fold: true, before: null, limit: 5 })).rows;
    const kept = { ...place, anchor: { ...place.anchor, seen: rows[3]!.id } };
    await fake.keepPlace(JSON.stringify(kept));
    await show({}, fake);
    expect(all('message-row').map((row) => Number(row.dataset.id))).toContain(1200);
    expect(one('message-list').scrollTop).toBeGreaterThan(56 * 1700);
    expect(one('list-new').textContent, 'what came since it was seen').toContain('3 new');
  });

  it('of a feed that is gone is the whole inbox', async () => {
    const fake = new Fake();
    await fake.keepPlace('{"view":{"kind":"feed","id":"gone"},"page":["feed","gone"],"selected":4}');
    const { model } = await show({}, fake);
    expect(model.view).toEqual({ kind: 'all' });
    expect(model.page).toEqual({ kind: 'inbox' });
    expect(titles().length).toBeGreaterThan(5);
  });

  it('is nothing to wait for', async () => {
    const fake = new Fake();
    fake.lastPlace = () => Promise.reject(new Error('no'));
    fake.desktop = () => Promise.reject(new Error('no'));
    await show({}, fake);
    expect(titles().length).toBeGreaterThan(5);
  });
});
