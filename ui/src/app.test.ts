import { flushSync } from 'svelte';
import { describe, expect, it } from 'vitest';
import { Fake } from './fake';
import { all, one, press, show, soon, type } from './testing';

describe('the inbox', () => {
  it('lists messages with what matters for reading and for screen readers', async () => {
    await show();
    const rows = all('message-row');
    expect(rows[0]!.querySelector('.vh')!.textContent).toMatch(/^Unread, 23 likes on .*, Journal, \d\d:\d\d$/);
    expect(rows[0]!.getAttribute('aria-posinset')).toBe('1');
    expect(rows[0]!.getAttribute('aria-setsize')).toBe('10');
    expect(one('gap-row').textContent).toContain('could not be recovered');
    expect(one('status-pill').dataset.status).toBe('live');
  });

  it('draws a few rows of 100,000', async () => {
    const { model } = await show({ rows: 100_000 });
    expect(model.total).toBe(100_010);
    expect(all('message-row').length).toBeLessThan(40);
  });

  it('opens a message, marks it read, and shows why it is there', async () => {
    const { fake } = await show();
    const [, row] = all('message-row');
    row!.click();
    await soon(() => expect(one('detail-title').textContent).toContain('Inês saved'));
    expect(row!.getAttribute('aria-selected')).toBe('true');
    const unread = all('message-row')[2]!;
    expect(unread.dataset.unread).toBe('true');
    unread.click();
    await soon(() => expect(all('message-row')[2]!.dataset.unread).toBe('false'));
    await soon(() => expect(one('detail-title').textContent).toBe('Build failed on main'));
    expect(one('detail').textContent).toContain('Why you see this');
    expect(fake.asked.markRead).toBe(1);
  });

  it('moves by keys, deletes, and takes it back', async () => {
    const { model } = await show();
    press('j');
    press('j');
    const second = model.rows[1]!.id;
    expect(model.selected).toBe(second);
    press('#');
    await soon(() => expect(model.rows.map((row) => row.id)).not.toContain(second));
    expect(one('toast').textContent).toContain('1 message deleted');
    press('z');
    await soon(() => expect(model.rows[1]!.id).toBe(second));
  });

  it('shows text from outside as text', async () => {
    const { fake, model } = await show();
    const id = fake.arrive('<img src=x onerror="window.pwned = 1"><b>hi</b>');
    await soon(() => expect(model.rows[0]!.id).toBe(id));
    model.open(id);
    await soon(() => expect(one('detail-title').textContent).toBe('<img src=x onerror="window.pwned = 1"><b>hi</b>'));
    expect(document.querySelector('img')).toBeNull();
  });

  it('asks a few times for a thousand updates', async () => {
    const { fake, model } = await show();
    const before = fake.asked.messages ?? 0;
    for (let i = 0; i < 1000; i += 1) fake.say({ kind: 'inbox' });
    const id = fake.arrive('the last one');
    await soon(() => expect(model.rows[0]!.id).toBe(id));
    expect((fake.asked.messages ?? 0) - before).toBeLessThanOrEqual(3);
  });

  it('names the filters that hide messages and takes them away', async () => {
    const { model } = await show();
    model.searchFor('rebuild');
    await soon(() => expect(one('empty-list').textContent).toContain('Nothing matches “rebuild”'));
    one('clear-filters').click();
    await soon(() => expect(all('message-row').length).toBeGreaterThan(5));
  });

  it('says what to do when a feed needs somebody', async () => {
    await show({ scene: 'trouble' });
    expect(one('status-pill').textContent).toContain('1 feed needs you');
    expect(one('strip').textContent).toContain('Build farm refused the token');
    expect(one('live-assertive').textContent).toContain('Build farm refused the token');
    one('strip').querySelector('button')!.click();
    await soon(() => expect((one('feed-url') as HTMLInputElement).value).toContain('build.example'));
  });

  it('tells what was refused', async () => {
    const { fake, model } = await show();
    fake.refusing = { text: { id: 'fake-port', args: {} }, fields: [] };
    model.pause(null);
    await soon(() => expect(one('toast').textContent).toContain('Port 2355 is taken'));
  });

  it('shows a sentence when nothing can be had', async () => {
    const fake = new Fake();
    fake.refusing = { text: { id: 'ui-error-unexpected', args: { detail: 'no bridge' } }, fields: [] };
    await show({}, fake);
    expect(document.querySelector('[role="alert"]')!.textContent).toContain('no bridge');
  });
});

describe('first start', () => {
  it('sends a like through the hub and shows it', async () => {
    await show({ scene: 'first' });
    expect(one('empty-welcome').textContent).toContain('feedbell send "Hello from the terminal"');
    one('send-like').click();
    await soon(() => expect(one('message-row').textContent).toContain('Ada liked'));
  });
});

describe('the feed editor', () => {
  it('shows errors below their fields and the rest above', async () => {
    const { fake, model } = await show();
    model.go({ kind: 'feed', id: '' });
    flushSync();
    type('feed-url', 'example.org');
    one('feed-save').click();
    await soon(() => expect(one('error-url').textContent).toContain('begins with http'));
    expect(one('feed-url').getAttribute('aria-invalid')).toBe('true');
    fake.saveFeed = () => Promise.reject({ text: { id: 'fake-form', args: {} }, fields: [{ field: 'id', text: { id: 'fake-title', args: {} } }] });
    one('feed-save').click();
    await soon(() => expect(one('form-refusal').textContent).toContain('does not compile'));
  });

  it('adds a feed and goes to it', async () => {
    const { model } = await show();
    model.go({ kind: 'feed', id: '' });
    flushSync();
    type('feed-name', 'Team');
    type('feed-url', 'https://team.example/events');
    one('feed-save').click();
    await soon(() => expect(model.view).toMatchObject({ kind: 'feed' }));
    await soon(() => expect(model.app!.feeds.map((feed) => feed.name)).toContain('Team'));
  });

  it('applies edits of a feed at once and takes them back', async () => {
    const { model } = await show();
    model.go({ kind: 'feed', id: 'journal' });
    flushSync();
    type('feed-name', 'Diary');
    await soon(() => expect(model.feed('journal')!.name).toBe('Diary'));
    // The secret stayed where it is.
    expect(model.settings!.feeds[0]!.access).toEqual({ kind: 'bearer', token: { kind: 'kept' } });
    one('undo').click();
    await soon(() => expect(model.feed('journal')!.name).toBe('Journal'));
    await soon(() => expect((one('feed-name') as HTMLInputElement).value).toBe('Journal'));
  });

  it('shows the steps of a test and what arriving events become', async () => {
    const { model } = await show();
    model.go({ kind: 'feed', id: '' });
    flushSync();
    type('feed-url', 'https://new.example/events');
    one('feed-test').click();
    await soon(() => expect(all('test-event')).toHaveLength(3));
    expect(all('test-event')[0]!.textContent).toContain('Shipping day notes');
    expect(model.settings!.feeds).toHaveLength(6);
  });

  it('deletes a feed and takes it back', async () => {
    const { model } = await show();
    model.go({ kind: 'feed', id: 'door' });
    flushSync();
    one('feed-delete').click();
    await soon(() => expect(model.feed('door')).toBeUndefined());
    await soon(() => one('undo').click());
    await soon(() => expect(model.feed('door')!.name).toBe('Front door'));
  });
});

describe('settings and hub', () => {
  it('changes the language while it runs', async () => {
    const { model } = await show();
    model.go({ kind: 'settings', section: 'appearance' });
    flushSync();
    type('language-select', 'zh-CN');
    await soon(() => expect(one('rail-all').textContent).toContain('全部'));
    expect(document.documentElement.lang).toBe('zh-CN');
  });

  it('switches the hub off and on', async () => {
    const { model } = await show();
    model.go({ kind: 'hub' });
    flushSync();
    expect(one('hub-curl').textContent).toContain('curl');
    one('hub-off').click();
    await soon(() => expect(one('hub-is-off').textContent).toContain('The hub is off'));
    one('hub-start').click();
    await soon(() => expect(one('hub-url').textContent).toBe('http://127.0.0.1:2355'));
  });
});
