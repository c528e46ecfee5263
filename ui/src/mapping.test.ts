import { flushSync } from 'svelte';
import { describe, expect, it, vi } from 'vitest';
import type { FeedForm, Preview, RuleForm } from './bindings';
import type { Fake, FakeOptions } from './fake';
import type { Model } from './model.svelte';
import { all, click, one, show, soon, type, valueOf } from './testing';

// Each test draws the whole window.
vi.setConfig({ testTimeout: 30_000 });

/** The editor of a feed once its events are there. */
async function edit(id = 'journal', options: FakeOptions = {}): Promise<{ fake: Fake; model: Model }> {
  const shown = await show(options);
  shown.model.go({ kind: 'feed', id });
  flushSync();
  if (id !== '') await soon(() => one('test-event'));
  if (id !== '') await soon(() => one('preview'));
  return shown;
}
/** A new feed with the events of a test. */
async function tested(url = 'https://new.example/events'): Promise<{ fake: Fake; model: Model }> {
  const shown = await edit('');
  type('feed-url', url);
  click('feed-test');
  await soon(() => expect(all('test-event')).toHaveLength(3));
  await soon(() => one('preview'));
  return shown;
}
const rules = (model: Model, id = 'journal'): RuleForm[] => model.settings!.feeds.find((feed) => feed.id === id)!.rules;
const events = (): string[] => all('test-event').map((row) => row.querySelectorAll('td')[1]!.textContent!.trim());
const selected = (): string => one('test-event').parentElement!.querySelector('[aria-selected="true"]')!.textContent!;
function field(name: string): HTMLElement {
  const found = all('field').find((row) => row.querySelector('.name')!.textContent === name);
  if (!found) throw new Error(`no field ${name}`);
  return found;
}
const role = (name: string): HTMLButtonElement => field(name).querySelector<HTMLButtonElement>('[data-role]')!;
const roleOf = (name: string): string => role(name).textContent!.trim();
const title = (): string => one('preview-title').textContent!;
const key = (target: HTMLElement, name: string, more: KeyboardEventInit = {}): void => {
  target.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true, cancelable: true, ...more }));
  flushSync();
};
const ruleNames = (): string[] => all('rule').map((row) => row.querySelector('.one')!.textContent!);
async function pick(at: number): Promise<void> {
  all('test-event')[at]!.click();
  flushSync();
  await soon(() => expect(all('test-event')[at]!.getAttribute('aria-selected')).toBe('true'));
}

describe('the table of events', () => {
  it('shows what came lately, newest first, with who and what', async () => {
    await edit();
    expect(events()).toEqual(['like', 'like', 'favorite', 'notify']);
    expect([...document.querySelectorAll('th')].map((th) => th.textContent)).toEqual(['Time', 'Event', 'actor.name', 'post.title']);
    expect(all('test-event')[0]!.textContent).toContain('Ada');
    expect(one('arrivals-heard').textContent).toMatch(/Live, last heard \d+ s ago/);
    expect(one('preview').parentElement!.textContent).toContain('Last real event');
  });

  it('follows the newest event until one is picked, then holds still and says how many are newer', async () => {
    const { fake } = await edit();
    fake.event('like', { actor: { name: 'Noor' }, post: { title: 'New' } });
    await soon(() => expect(selected()).toContain('Noor'));
    await soon(() => expect(title()).toBe('Noor liked “New”'));
    await pick(3);
    fake.event('like', { actor: { name: 'Kim' } });
    await soon(() => expect(one('arrivals-newer').textContent).toBe('1 newer'));
    expect(events()).toHaveLength(5);
    expect(selected()).toContain('Inês');
    expect(document.body.textContent).toContain('Event of ');
    click('arrivals-newer');
    await soon(() => expect(selected()).toContain('Kim'));
    expect(all('arrivals-newer')).toEqual([]);
  });

  it('keeps the newest fifty', async () => {
    const { fake } = await edit();
    for (let i = 0; i < 70; i += 1) fake.event('like', { actor: { name: `User ${i}` } }, String(i));
    await soon(() => expect(all('test-event')[0]!.textContent).toContain('User 69'));
    expect(all('test-event')).toHaveLength(50);
  });

  it('is walked with the arrow keys', async () => {
    await edit();
    const body = (): HTMLElement => one('test-event').parentElement!.querySelector<HTMLElement>('[aria-selected="true"]')!;
    key(body(), 'ArrowDown');
    await soon(() => expect(document.activeElement).toBe(all('test-event')[1]));
    expect(all('test-event').map((row) => row.tabIndex)).toEqual([-1, 0, -1, -1]);
    key(body(), 'End');
    await soon(() => expect(selected()).toContain('Tomás'));
    key(body(), 'ArrowDown');
    expect(selected()).toContain('Tomás');
    key(body(), 'Home');
    await soon(() => expect(document.activeElement).toBe(all('test-event')[0]));
  });

  it('shows an event that comes through a test and through the feed once', async () => {
    await edit();
    click('feed-test');
    await soon(() => expect(all('test-step').some((step) => step.dataset.step === 'resume')).toBe(true));
    expect(all('test-event')).toHaveLength(4);
  });

  it('says that nothing has come', async () => {
    const { model } = await show();
    model.go({ kind: 'feed', id: 'mastodon' });
    flushSync();
    expect(one('arrivals-none').textContent).toContain('The next event appears here');
    expect([all('field').length, all('preview').length, all('preview-none').length]).toEqual([0, 0, 1]);
  });
});

describe('the fields of an event', () => {
  it('show the roles that the rule which takes it gives them', async () => {
    await edit();
    await soon(() => expect(roleOf('actor.name')).toBe('Title'));
    expect(['post.title', 'post.url', 'post.id', 'total'].map(roleOf)).toEqual(['Title', 'Link', 'Group', 'Not used']);
    await pick(2);
    await soon(() => expect(roleOf('note')).toBe('Body'));
    expect(one('rule-editor').getAttribute('aria-label')).toBe('Saves');
    expect(one('field-raw').textContent).toContain('event: favorite\nid: 8f3c.10542\ndata: {"actor"');
    expect(role('note').getAttribute('aria-label')).toMatch(/^note, The part about .*: Body$/);
  });

  it('get a role from the menu, which is saved with the rule and drawn at once', async () => {
    const { model } = await edit();
    field('total').click();
    flushSync();
    expect(role('total').getAttribute('aria-expanded')).toBe('true');
    expect([...document.querySelectorAll('[role="menu"] kbd')].map((each) => each.textContent)).toEqual(['1', '2', '3', '4', '5', '6', '7', '0']);
    click('role-body');
    await soon(() => expect(rules(model)[0]!.body).toBe('{{ total }}'));
    await soon(() => expect(one('preview-body').textContent).toBe('24'));
    expect(roleOf('total')).toBe('Body');
    expect(document.activeElement).toBe(role('total'));
    expect(all('role-menu')).toEqual([]);
  });

  it('get roles with the keys 1 to 7, join in the title, and lose them with 0', async () => {
    const { model } = await edit();
    key(role('total'), '1');
    await soon(() => expect(rules(model)[0]!.title).toBe('{{ total }}'));
    key(role('actor.name'), '1');
    key(role('post.title'), '2');
    key(role('total'), '7');
    await soon(() => expect(rules(model)[0]).toMatchObject({ title: '{{ total }} · {{ actor.name }}', body: '{{ post.title }}', key: '{{ total }}' }));
    await soon(() => expect(title()).toBe('24 · Ada'));
    expect(roleOf('total')).toBe('Title, Key');
    key(role('total'), '0');
    await soon(() => expect(rules(model)[0]).toMatchObject({ title: '{{ actor.name }}', key: '' }));
    expect(roleOf('total')).toBe('Not used');
  });

  it('move up and down with the arrows, and close their menu with Escape', async () => {
    await edit();
    role('actor.name').focus();
    key(role('actor.name'), 'ArrowDown');
    expect(document.activeElement).toBe(role('actor.avatar'));
    expect([role('actor.name').tabIndex, role('actor.avatar').tabIndex]).toEqual([-1, 0]);
    role('actor.avatar').click();
    await soon(() => expect(document.activeElement).toBe(one('role-title')));
    key(one('role-title'), 'ArrowRight');
    expect(document.activeElement).toBe(one('role-urgency'));
    key(one('role-urgency'), 'Escape');
    expect(document.activeElement).toBe(role('actor.avatar'));
    expect(all('role-menu')).toEqual([]);
  });

  it('make a rule for the event where none of the feed takes it', async () => {
    const { model } = await edit('door');
    await pick(2);
    key(role('actor.name'), '1');
    key(role('note'), '2');
    await soon(() => expect(rules(model, 'door')).toHaveLength(1));
    await soon(() => expect(rules(model, 'door')[0]).toMatchObject({ events: ['favorite'], then: 'notify', title: '{{ actor.name }}', body: '{{ note }}' }));
    expect(one('rule-editor').getAttribute('aria-label')).toBe('favorite');
    await pick(0);
    await soon(() => expect(roleOf('actor.name')).toBe('Not used'));
  });

  it('with odd names go through the data', async () => {
    const { fake, model } = await edit('door');
    fake.event('odd', { 'the door': 'front', id: 7 }, 'own');
    await soon(() => field('the door'));
    expect(all('field').map((row) => row.querySelector('.name')!.textContent)).toEqual(['the door', 'data.id', 'id']);
    key(role('the door'), '1');
    key(role('data.id'), '7');
    await soon(() => expect(rules(model, 'door')[0]).toMatchObject({ title: "{{ data['the door'] }}", key: '{{ data.id }}' }));
    await soon(() => expect(title()).toBe('front'));
  });

  it('show what the usual mapping takes them for', async () => {
    const { fake } = await edit('door');
    fake.event('note', { title: 'Front door', text: 'opened' });
    await soon(() => expect(roleOf('title')).toBe('Title'));
    expect(role('title').title).toContain('By default');
  });

  it('are the whole text where there are none', async () => {
    const { fake } = await edit('door');
    fake.event('plain', 'just words');
    await soon(() => expect(all('field').map((row) => row.textContent)).toEqual([expect.stringContaining('just words')]));
  });

  it('map a feed that is still being added', async () => {
    const { fake, model } = await tested();
    key(role('actor.name'), '1');
    await soon(() => expect(title()).toBe('Ada'));
    expect(fake.asked.saveFeed).toBeUndefined();
    click('feed-save');
    await soon(() => expect(model.view.kind).toBe('feed'));
    expect(model.settings!.feeds.at(-1)!.rules).toMatchObject([{ events: ['like'], title: '{{ actor.name }}' }]);
  });
});

describe('the preview', () => {
  it('follows every letter, and asks once typing stops', async () => {
    const { fake } = await edit();
    await soon(() => expect(title()).toBe('Ada liked “Shipping day notes”'));
    const asked = fake.asked.preview!;
    for (const text of ['{{', '{{ total', '{{ total }}']) {
      const input = one('rule-title') as HTMLTextAreaElement;
      input.value = text;
      input.dispatchEvent(new Event('input', { bubbles: true }));
      flushSync();
    }
    await soon(() => expect(title()).toBe('24'));
    expect(fake.asked.preview).toBe(asked + 1);
  });

  it('shows a mistake at its field, keeps what was there, and forgets the mistake with it', async () => {
    await edit();
    type('rule-title', '{{ actor');
    await soon(() => expect(one('error-rules.0.title').textContent).toContain('does not compile'));
    expect(one('rule-title').getAttribute('aria-invalid')).toBe('true');
    expect(title()).toBe('Ada liked “Shipping day notes”');
    expect(one('preview-refused').textContent).toContain('before the mistake');
    type('rule-title', '{{ actor.name }}');
    await soon(() => expect(title()).toBe('Ada'));
    await soon(() => expect(all('error-rules.0.title')).toEqual([]));
    expect(all('preview-refused')).toEqual([]);
  });

  it('is never put back by a late answer', async () => {
    const { fake } = await edit();
    const answers: [FeedForm, (preview: Preview) => void][] = [];
    const judge = fake.preview.bind(fake);
    fake.preview = vi.fn((form) => new Promise<Preview>((done) => { answers.push([form, done]); }));
    type('rule-title', 'one');
    await soon(() => expect(answers).toHaveLength(1));
    type('rule-title', 'two');
    await soon(() => expect(answers).toHaveLength(2));
    const raw = { name: 'like', id: null, data: '{}' };
    for (const [form, done] of answers.reverse()) done(await judge(form, raw));
    await soon(() => expect(title()).toBe('two'));
    await new Promise((done) => setTimeout(done));
    flushSync();
    expect(title()).toBe('two');
  });

  it('says what happens in words', async () => {
    const { fake } = await edit();
    await soon(() => expect(one('preview-verdict').textContent).toContain('makes a notification'));
    expect(one('preview-verdict').textContent).toContain('Rule 1 “Likes”');
    click('rule-then-drop');
    await soon(() => expect(one('preview').dataset.verdict).toBe('drop'));
    expect(one('preview-verdict').textContent).toContain('Leaves no trace');
    click('rule-then-keep');
    await soon(() => expect(one('preview-verdict').textContent).toContain('silently'));
    click('rule-then-notify');
    click('feed-muted');
    await soon(() => expect(one('preview-verdict').textContent).toContain('the feed is muted'));
    expect(fake.asked.preview).toBeGreaterThan(3);
  });

  it('hides its content where pop-ups do', async () => {
    await edit();
    click('hide-content');
    expect([title(), one('preview-body').textContent]).toEqual(['New message', 'Journal']);
  });

  it('shows urgency, and the burst that a group makes', async () => {
    const { fake } = await edit();
    type('rule-urgency', 'urgent');
    await soon(() => expect(one('preview').textContent).toContain('Urgent'));
    type('rule-burst', '{{ count }} likes on “{{ post.title }}”');
    type('rule-actor', '{{ actor.name }}');
    await soon(() => expect(fake.asked.saveFeed).toBeGreaterThan(0));
    click('preview-burst');
    await soon(() => expect(title()).toBe('3 likes on “Shipping day notes”'));
    expect(one('preview-body').textContent).toBe('Ada and 2 others');
    click('preview-burst');
    expect(title()).toBe('Ada liked “Shipping day notes”');
    type('rule-group', '');
    await soon(() => expect(all('preview-burst')).toEqual([]));
  });

  it('shows the buttons of the message itself', async () => {
    const { fake } = await edit();
    const judge = fake.preview.bind(fake);
    fake.preview = async (form, raw) => Object.assign(await judge(form, raw), { actions: [{ label: 'Copy code', kind: 'copy', target: '4711', off: null }] });
    type('rule-title', 'x');
    await soon(() => expect(one('preview-action').textContent).toBe('Copy code'));
  });
});

describe('rules', () => {
  it('move with Alt and an arrow, by their buttons, and say where they are', async () => {
    const { model } = await edit();
    const names = (): string[] => rules(model).map(({ name }) => name);
    key(all('rule')[0]!.querySelector<HTMLElement>('[data-rule]')!, 'ArrowDown', { altKey: true });
    await soon(() => expect(names()).toEqual(['Saves', 'Likes', 'Everything else']));
    expect(one('rule-said').textContent).toBe('Likes is now rule 2 of 3');
    expect(document.activeElement!.textContent).toContain('Likes');
    expect(one('rule-editor').getAttribute('aria-label')).toBe('Likes');
    click('rule-up');
    await soon(() => expect(names()).toEqual(['Likes', 'Saves', 'Everything else']));
    expect((one('rule-up') as HTMLButtonElement).disabled).toBe(true);
    key(all('rule')[0]!.querySelector<HTMLElement>('[data-rule]')!, 'ArrowUp', { altKey: true });
    expect(ruleNames()).toEqual(['Likes', 'Saves', 'Everything else']);
  });

  it('are dragged by their grip, and stay with Escape', async () => {
    const { model } = await edit();
    for (const [i, row] of all('rule').entries()) row.getBoundingClientRect = () => ({ top: i * 28, bottom: (i + 1) * 28 }) as DOMRect;
    const pull = (kind: string, y: number): void => {
      all('rule-grip')[0]!.dispatchEvent(Object.assign(new Event(kind, { bubbles: true }), { button: 0, pointerId: 1, clientY: y }));
      flushSync();
    };
    pull('pointerdown', 10);
    pull('pointermove', 12);
    pull('pointerup', 12);
    expect(ruleNames()).toEqual(['Likes', 'Saves', 'Everything else']);
    pull('pointerdown', 10);
    pull('pointermove', 80);
    expect(ruleNames()).toEqual(['Saves', 'Everything else', 'Likes']);
    key(document.body, 'Escape');
    expect(ruleNames()).toEqual(['Likes', 'Saves', 'Everything else']);
    expect(model.page.kind).toBe('feed');
    pull('pointerdown', 10);
    pull('pointermove', 40);
    const grip = all('rule').find((row) => row.textContent!.includes('Likes'))!.querySelector<HTMLElement>('.grip')!;
    grip.dispatchEvent(Object.assign(new Event('pointerup', { bubbles: true }), { button: 0, pointerId: 1, clientY: 40 }));
    await soon(() => expect(rules(model).map(({ name }) => name)).toEqual(['Saves', 'Likes', 'Everything else']));
  });

  it('are added for the selected event, and deleted with a way back', async () => {
    const { model } = await edit();
    await pick(3);
    click('rule-add');
    await soon(() => expect(rules(model)).toHaveLength(4));
    expect(rules(model)[3]).toMatchObject({ events: ['notify'], then: 'keep' });
    await soon(() => expect(document.activeElement).toBe(one('rule-title')));
    click('rule-remove');
    await soon(() => expect(rules(model)).toHaveLength(3));
    await soon(() => one('undo').click());
    await soon(() => expect(rules(model)).toHaveLength(4));
  });

  it('deleted from a new feed come back, too', async () => {
    await tested();
    click('rule-add');
    expect(ruleNames()).toEqual(['like']);
    click('rule-remove');
    expect(all('rule')).toEqual([]);
    click('undo');
    await soon(() => expect(ruleNames()).toEqual(['like']));
  });

  it('take events as chips, with those that came lately offered', async () => {
    const { model } = await edit();
    const on = (): string[] => rules(model)[0]!.events;
    expect(all('rule-event-seen').map((chip) => chip.textContent!.trim())).toEqual(['favorite', 'notify']);
    all('rule-event-seen')[0]!.click();
    await soon(() => expect(on()).toEqual(['like', 'favorite']));
    click('rule-event-add');
    await soon(() => expect(document.activeElement).toBe(one('rule-event')));
    const input = one('rule-event') as HTMLInputElement;
    input.value = 'user joined-*';
    input.dispatchEvent(new Event('input', { bubbles: true }));
    key(input, 'Enter', { isComposing: true });
    expect(on()).toHaveLength(2);
    key(input, 'Enter');
    await soon(() => expect(on()).toEqual(['like', 'favorite', 'user joined-*']));
    key(input, 'Backspace');
    await soon(() => expect(on()).toEqual(['like', 'favorite']));
    key(input, 'Escape');
    one('rule-events').querySelector<HTMLElement>('.on button')!.click();
    await soon(() => expect(on()).toEqual(['favorite']));
  });

  it('show what is wrong with them: the rule opens, the field has the focus', async () => {
    const { fake } = await tested();
    click('rule-add');
    click('rule-add');
    fake.saveFeed = () => Promise.reject({ text: { id: 'fake-form', args: {} }, fields: [{ field: 'rules.0.when', text: { id: 'fake-title', args: {} } }] });
    expect((one('rule-more') as HTMLDetailsElement).open).toBe(false);
    click('feed-save');
    await soon(() => expect(one('error-rules.0.when').textContent).toContain('does not compile'));
    expect((one('rule-more') as HTMLDetailsElement).open).toBe(true);
    await soon(() => expect(document.activeElement).toBe(one('rule-when')));
  });

  it('keep every template', async () => {
    const { model } = await edit();
    for (const name of ['body', 'link', 'icon', 'urgency', 'group', 'burst', 'actor', 'key', 'when', 'name']) type(`rule-${name}`, `x-${name}`);
    await soon(() => expect(rules(model)[0]).toMatchObject({
      body: 'x-body', link: 'x-link', icon: 'x-icon', urgency: 'x-urgency', group: 'x-group', burst: 'x-burst', actor: 'x-actor', key: 'x-key', when: 'x-when', name: 'x-name',
    }));
  });
});

describe('sending a test', () => {
  it('goes through everything, and leads to its message', async () => {
    const { model } = await edit();
    click('send-test');
    await soon(() => expect(one('send-test-said').textContent).toContain('It went through'));
    click('send-test-open');
    expect(model.view).toEqual({ kind: 'feed', id: 'journal' });
    await soon(() => expect(model.detail?.row.event).toBe('test'));
  });

  it('says why it cannot, and where it got lost', async () => {
    const { fake } = await edit();
    fake.testMessage = () => Promise.reject({ text: { id: 'fake-port', args: {} }, fields: [] });
    click('send-test');
    await soon(() => expect(one('send-test-said').textContent).toContain('Port 2355 is taken'));
    fake.testMessage = () => Promise.resolve();
    vi.useFakeTimers();
    click('send-test');
    await vi.advanceTimersByTimeAsync(6000);
    flushSync();
    expect(one('send-test-said').textContent).toContain('a rule may drop it');
  });

  it('waits for a feed to be there', async () => {
    await edit('');
    expect((one('send-test') as HTMLButtonElement).disabled).toBe(true);
    expect(one('send-test-said').textContent).toContain('Add the feed first');
  });
});

describe('the gallery of presets', () => {
  it('is searched, and uses what is chosen', async () => {
    await edit('');
    click('presets-open');
    expect(document.activeElement).toBe(one('presets-search'));
    type('presets-search', 'topic');
    expect(all('presets-ntfy')).toHaveLength(1);
    expect(all('presets-likes')).toEqual([]);
    expect(one('presets-ntfy').textContent).toContain('https://ntfy.example/door/sse');
    click('presets-ntfy');
    await soon(() => expect(valueOf('feed-preset')).toBe('ntfy'));
    await soon(() => expect(all('presets')).toEqual([]));
  });

  it('closes by Escape, which its search field would keep', async () => {
    await edit('');
    click('presets-open');
    one('presets-search').dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true, cancelable: true }));
    await soon(() => expect(all('presets')).toEqual([]));
    expect(one('feed-url')).toBeTruthy();
  });

  it('says that nothing matches', async () => {
    await edit('');
    click('presets-open');
    type('presets-search', 'nonesuch');
    expect(one('presets').textContent).toContain('No preset matches “nonesuch”');
  });
});

describe('a feed’s notifications', () => {
  it('are saved, a sound once it has a name', async () => {
    const { model } = await edit('door');
    const form = (): FeedForm => model.settings!.feeds.find((feed) => feed.id === 'door')!;
    click('remote-icons');
    click('http-actions');
    type('sound', 'named');
    await soon(() => expect(form().notification).toMatchObject({ remote_icons: true, http_actions: true, sound: { kind: 'system' } }));
    type('sound-name', 'bell');
    await soon(() => expect(form().notification.sound).toEqual({ kind: 'named', name: 'bell' }));
    type('sound', 'silent');
    await soon(() => expect(form().notification.sound).toEqual({ kind: 'silent' }));
  });

  it('and messages are kept as in general, for days, or for ever', async () => {
    const { model } = await edit('door');
    const days = (): number | null => model.settings!.feeds.find((feed) => feed.id === 'door')!.keep_days;
    expect(one('feed-keep').textContent).toContain('As in the settings, 30 days');
    type('feed-keep', 'days');
    await soon(() => expect(days()).toBe(30));
    type('feed-keep-days', '7');
    await soon(() => expect(days()).toBe(7));
    type('feed-keep-days', '');
    type('feed-name', 'Door');
    await soon(() => expect(model.feed('door')!.name).toBe('Door'));
    expect(days()).toBe(7);
    type('feed-keep', 'ever');
    await soon(() => expect(days()).toBe(0));
    type('feed-keep', 'general');
    await soon(() => expect(days()).toBe(null));
  });
});

describe('edits', () => {
  it('are saved at once and taken back one after the other', async () => {
    const { model } = await edit('door');
    const name = (): string => model.feed('door')!.name;
    expect(one('feed-saved').textContent).toContain('at once');
    type('feed-name', 'One');
    await soon(() => expect(name()).toBe('One'));
    await soon(() => expect(one('feed-saved').textContent).toContain('Saved just now'));
    type('feed-name', 'Two');
    await soon(() => expect(name()).toBe('Two'));
    const others = vi.spyOn(model, 'undo');
    key(document.body, 'z');
    expect(others).not.toHaveBeenCalled();
    await soon(() => expect(name()).toBe('One'));
    click('undo');
    await soon(() => expect(name()).toBe('Front door'));
    await soon(() => expect(all('undo')).toEqual([]));
    expect(valueOf('feed-name')).toBe('Front door');
  });

  it('of a new feed wait for the way back', async () => {
    const { model } = await edit('');
    type('feed-url', 'https://half.example/events');
    model.go({ kind: 'inbox' });
    flushSync();
    model.go({ kind: 'feed', id: '' });
    flushSync();
    expect(valueOf('feed-url')).toBe('https://half.example/events');
    click('draft-over');
    expect([valueOf('feed-url'), all('draft-restored').length]).toEqual(['', 0]);
    model.go({ kind: 'inbox' });
    flushSync();
    model.go({ kind: 'feed', id: '' });
    flushSync();
    expect(all('draft-restored')).toEqual([]);
  });

  it('of a new feed are discarded only with a way back', async () => {
    const { model } = await edit('');
    type('feed-url', 'https://half.example/events');
    click('feed-cancel');
    expect(model.page.kind).toBe('inbox');
    await soon(() => expect(one('toast').textContent).toContain('New feed discarded'));
    click('undo');
    await soon(() => expect(valueOf('feed-url')).toBe('https://half.example/events'));
    click('feed-cancel');
    model.go({ kind: 'feed', id: '' });
    flushSync();
    expect(valueOf('feed-url')).toBe('');
  });

  it('of a feed that was added are no draft', async () => {
    const { model } = await edit('');
    type('feed-url', 'https://new.example/events');
    click('feed-save');
    await soon(() => expect(model.view.kind).toBe('feed'));
    model.go({ kind: 'feed', id: '' });
    flushSync();
    expect([valueOf('feed-url'), all('draft-restored').length]).toEqual(['', 0]);
  });
});
