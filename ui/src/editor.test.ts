import { flushSync } from 'svelte';
import { describe, expect, it, vi } from 'vitest';
import type { AccessForm, FeedForm } from './bindings';
import type { Fake } from './fake';
import { blankFeed, unencrypted } from './forms';
import type { Model } from './model.svelte';
import { all, click, one, show, soon, type, valueOf } from './testing';

const NTFY = 'https://ntfy.example/door/sse';
const WIKIMEDIA = 'https://stream.wikimedia.example/v2/stream/recentchange';

/** The editor of a feed, and the forms that it saves. */
async function edit(id = ''): Promise<{ fake: Fake; model: Model; saved: FeedForm[] }> {
  const { fake, model } = await show();
  const saved: FeedForm[] = [];
  const save = fake.saveFeed.bind(fake);
  fake.saveFeed = (form) => {
    saved.push(structuredClone(form));
    return save(form);
  };
  model.go({ kind: 'feed', id });
  flushSync();
  return { fake, model, saved };
}
const on = (id: string): boolean => one(id).getAttribute('aria-checked') === 'true';
const stored = (model: Model, id: string): FeedForm => model.settings!.feeds.find((feed) => feed.id === id)!;

describe('a preset', () => {
  it('is offered for an address, and used only when chosen', async () => {
    await edit();
    type('feed-url', NTFY);
    await soon(() => expect(one('preset-offer').textContent).toContain('This looks like ntfy.'));
    expect([valueOf('feed-preset'), valueOf('feed-access')]).toEqual(['', 'none']);
    click('preset-use');
    expect([valueOf('feed-preset'), valueOf('feed-access'), valueOf('feed-url')]).toEqual(['ntfy', 'bearer', NTFY]);
    expect(all('preset-use')).toEqual([]);
    await soon(() => expect(document.activeElement).toBe(one('secret-access.token')));
  });

  it('says before and after that it starts muted', async () => {
    await edit();
    type('feed-url', WIKIMEDIA);
    await soon(() => expect(one('preset-offer').textContent).toContain('Wikimedia, which starts muted'));
    click('preset-use');
    expect(on('feed-muted')).toBe(true);
    expect(document.body.textContent).toContain('The preset starts muted');
  });

  it('does the same when it is chosen by hand, and takes it back with another one', async () => {
    await edit();
    type('feed-preset', 'ntfy');
    expect([valueOf('feed-access'), valueOf('feed-url'), on('feed-muted')]).toEqual(['bearer', NTFY, false]);
    type('feed-preset', 'wikimedia');
    expect([valueOf('feed-access'), valueOf('feed-url'), on('feed-muted')]).toEqual(['none', WIKIMEDIA, true]);
    type('feed-preset', '');
    expect(on('feed-muted')).toBe(false);
  });

  it('changes nothing that was chosen', async () => {
    await edit();
    type('feed-access', 'basic');
    click('feed-muted');
    click('feed-muted');
    type('feed-url', WIKIMEDIA);
    await soon(() => one('preset-use'));
    click('preset-use');
    expect([valueOf('feed-access'), on('feed-muted')]).toEqual(['basic', false]);
    type('feed-preset', 'ntfy');
    expect([valueOf('feed-access'), valueOf('feed-url')]).toEqual(['basic', NTFY]);
  });

  it('keeps a token that was entered', async () => {
    await edit();
    type('feed-preset', 'ntfy');
    type('secret-access.token', 'tk');
    type('feed-preset', 'likes');
    expect([valueOf('feed-access'), valueOf('secret-access.token')]).toEqual(['bearer', 'tk']);
  });

  it('changes neither access nor mute of a feed that is there', async () => {
    const { model, saved } = await edit('door');
    type('feed-preset', 'wikimedia');
    await soon(() => expect(stored(model, 'door').preset).toBe('wikimedia'));
    expect(saved.at(-1)).toMatchObject({ muted: false, access: { kind: 'none' } });
    type('feed-preset', 'ntfy');
    await soon(() => expect(stored(model, 'door').preset).toBe('ntfy'));
    expect(saved.at(-1)!.access).toEqual({ kind: 'none' });
  });

  it('asks for no token where none was entered', async () => {
    const { saved } = await edit();
    type('feed-preset', 'ntfy');
    click('feed-save');
    await soon(() => expect(saved).toHaveLength(1));
    expect(saved[0]!.access).toEqual({ kind: 'none' });
  });

  it('is not guessed for a form that has one, nor for an address that was there', async () => {
    const { fake } = await edit('ntfy');
    vi.useFakeTimers();
    type('feed-url', `${NTFY}?x=1`);
    vi.advanceTimersByTime(5000);
    expect(fake.asked.guessPreset).toBeUndefined();
    // The address as it is now was typed: without a preset there is something to guess.
    type('feed-preset', '');
    vi.advanceTimersByTime(5000);
    expect(fake.asked.guessPreset).toBe(1);
    vi.useRealTimers();

    const { fake: other } = await edit('wikimedia');
    vi.useFakeTimers();
    type('feed-name', 'Wiki');
    vi.advanceTimersByTime(5000);
    expect(other.asked.guessPreset).toBeUndefined();
  });

  it('is asked for once typing stops, and a late answer to another address is no offer', async () => {
    const { fake } = await edit();
    const answers = new Map<string, (id: string | null) => void>();
    fake.guessPreset = vi.fn((url: string) => new Promise<string | null>((done) => { answers.set(url, done); }));
    for (const url of ['https://n', 'https://nt', NTFY]) type('feed-url', url);
    await soon(() => expect([...answers.keys()]).toEqual([NTFY]));
    type('feed-url', 'https://other.example/');
    await soon(() => expect(answers.size).toBe(2));
    answers.get('https://other.example/')!(null);
    answers.get(NTFY)!('ntfy');
    await new Promise((done) => setTimeout(done));
    flushSync();
    expect(all('preset-use')).toEqual([]);
  });

  it('is not missed when guessing is refused', async () => {
    const { fake } = await edit();
    fake.guessPreset = vi.fn(() => Promise.reject({ text: { id: 'fake-port', args: {} }, fields: [] }));
    type('feed-url', NTFY);
    await soon(() => expect(fake.guessPreset).toHaveBeenCalledOnce());
    expect(all('preset-use')).toEqual([]);
    expect(all('toast')).toEqual([]);
  });
});

describe('access', () => {
  const entered = { kind: 'entered', value: 'geheim' } as const;
  const kinds: [AccessForm, Record<string, string>][] = [
    [{ kind: 'bearer', token: entered }, { 'secret-access.token': 'geheim' }],
    [{ kind: 'basic', username: 'ada', password: entered }, { 'access-username': 'ada', 'secret-access.password': 'geheim' }],
    [{ kind: 'query', name: 'auth', value: entered }, { 'access-name': 'auth', 'secret-access.value': 'geheim' }],
    [{ kind: 'cookie', name: 'session', value: entered }, { 'access-name': 'session', 'secret-access.value': 'geheim' }],
  ];

  it.each(kinds)('of the kind $kind is saved as entered and comes back without its secret', async (access, fields) => {
    const { model, saved } = await edit();
    type('feed-url', 'https://new.example/events');
    type('feed-access', access.kind);
    for (const [id, text] of Object.entries(fields)) type(id, text);
    click('feed-save');
    await soon(() => expect(model.view).toMatchObject({ kind: 'feed' }));
    expect(saved[0]!.access).toEqual(access);
    model.go({ kind: 'feed', id: model.view.kind === 'feed' ? model.view.id : '' });
    await soon(() => expect(valueOf('feed-access')).toBe(access.kind));
    for (const [id, text] of Object.entries(fields)) {
      if (!id.startsWith('secret')) expect(valueOf(id)).toBe(text);
      else expect([valueOf(id), (one(id) as HTMLInputElement).placeholder]).toEqual(['', 'Stored. Type to replace it']);
    }
  });

  it('applies once it is whole; other edits need not wait for it', async () => {
    const { model, saved } = await edit('door');
    type('feed-access', 'query');
    type('access-name', 'auth');
    type('feed-name', 'Back door');
    await soon(() => expect(model.feed('door')!.name).toBe('Back door'));
    expect(saved.at(-1)!.access).toEqual({ kind: 'none' });
    expect([valueOf('feed-access'), valueOf('access-name')]).toEqual(['query', 'auth']);
    type('secret-access.value', 'geheim');
    await soon(() => expect(stored(model, 'door').access).toEqual({ kind: 'query', name: 'auth', value: { kind: 'kept' } }));
    expect(all('form-refusal')).toEqual([]);
  });

  it('comes back as it was when its kind is chosen again', async () => {
    const { model } = await edit('build');
    type('feed-access', 'cookie');
    type('feed-access', 'bearer');
    expect(valueOf('secret-access.token')).toBe('pass show build');
    expect(stored(model, 'build').access).toEqual({ kind: 'bearer', token: { kind: 'command', command: 'pass show build' } });
  });

  it('goes from a command to a typed secret', async () => {
    const { model } = await edit('build');
    type('source-access.token', 'typed');
    type('feed-name', 'Builds');
    await soon(() => expect(model.feed('build')!.name).toBe('Builds'));
    expect(valueOf('source-access.token')).toBe('typed');
    type('secret-access.token', 'geheim');
    await soon(() => expect(stored(model, 'build').access).toEqual({ kind: 'bearer', token: { kind: 'kept' } }));
  });

  it('shows its errors at its fields', async () => {
    await edit();
    type('feed-url', 'https://new.example/events');
    type('feed-access', 'cookie');
    click('feed-save');
    await soon(() => expect(one('error-access.name').textContent).toContain('name of the cookie'));
    expect(one('form-refusal').textContent).not.toContain('access.name');
  });
});

describe('history', () => {
  it('can be loaded into a new feed whose preset keeps it', async () => {
    const { saved } = await edit();
    expect(all('feed-history')).toEqual([]);
    type('feed-preset', 'likes');
    expect(all('feed-history')).toEqual([]);
    type('feed-preset', 'ntfy');
    expect(on('feed-history')).toBe(false);
    click('feed-history');
    click('feed-save');
    await soon(() => expect(saved).toHaveLength(1));
    expect(saved[0]!.connection.history).toBe(true);
  });

  it('is forgotten with a preset that keeps none', async () => {
    const { saved } = await edit();
    type('feed-preset', 'ntfy');
    click('feed-history');
    type('feed-preset', 'likes');
    click('feed-save');
    await soon(() => expect(saved).toHaveLength(1));
    expect(saved[0]!.connection.history).toBe(false);
  });

  it('is no question for a feed that is there', async () => {
    await edit('ntfy');
    expect(all('feed-history')).toEqual([]);
  });
});

describe('the advanced part', () => {
  const open = (): boolean => (one('advanced') as HTMLDetailsElement).open;

  it('is closed until something in it is set', async () => {
    await edit();
    expect(open()).toBe(false);
    await edit('journal');
    expect(open()).toBe(true);
  });

  it('opens when something in it is wrong', async () => {
    await edit();
    type('feed-url', 'https://new.example/events');
    type('connection-key', '/home/ada/ada.key');
    expect(open()).toBe(false);
    click('feed-save');
    await soon(() => expect(open()).toBe(true));
    expect(one('error-connection.key').textContent).toContain('client certificate');
    await soon(() => expect(document.activeElement).toBe(one('connection-key')));
  });

  it('stays closed for errors elsewhere', async () => {
    await edit();
    click('feed-save');
    await soon(() => one('error-url'));
    expect(open()).toBe(false);
  });

  it('forgets what was wrong once the field is as it was stored', async () => {
    const { model } = await edit('build');
    const { url } = stored(model, 'build');
    type('feed-url', '');
    await soon(() => one('error-url'));
    type('feed-url', url);
    await soon(() => expect(all('error-url')).toEqual([]));
  });

  it('saves what was set', async () => {
    const { saved } = await edit();
    type('feed-url', 'https://new.example/events');
    type('watchdog', '90');
    type('resume', 'field');
    type('resume-field', 'meta.dt');
    type('resume-name', 'since');
    type('delivery', 'poll');
    type('poll-seconds', '30');
    type('proxy', 'address');
    type('proxy-at', 'socks5://127.0.0.1:1080');
    type('connection-ca', '/etc/ca.pem');
    type('connection-certificate', '/home/ada/ada.pem');
    click('feed-save');
    await soon(() => expect(saved).toHaveLength(1));
    expect(saved[0]).toMatchObject({
      watchdog_seconds: 90,
      connection: {
        resume: { kind: 'field', field: 'meta.dt', name: 'since' }, poll_seconds: 30, proxy: 'socks5://127.0.0.1:1080',
        ca: '/etc/ca.pem', pin: '', certificate: '/home/ada/ada.pem', key: '', plain_http: false, history: false,
      },
    });
  });

  it('applies a choice that needs a name once it has one', async () => {
    const { model, saved } = await edit('door');
    type('resume', 'query');
    type('feed-name', 'Back door');
    await soon(() => expect(model.feed('door')!.name).toBe('Back door'));
    expect(saved.at(-1)!.connection.resume).toEqual({ kind: 'preset' });
    type('resume-name', 'since');
    await soon(() => expect(stored(model, 'door').connection.resume).toEqual({ kind: 'query', name: 'since' }));
    type('resume', 'off');
    await soon(() => expect(stored(model, 'door').connection.resume).toEqual({ kind: 'off' }));
  });

  it('shows the one error of two names at the one that is missing', async () => {
    await edit();
    type('feed-url', 'https://new.example/events');
    type('resume', 'field');
    type('resume-field', 'time');
    click('feed-save');
    await soon(() => expect(one('resume-name').getAttribute('aria-invalid')).toBe('true'));
    expect(one('resume-field').getAttribute('aria-invalid')).toBe('false');
    expect(all('error-connection.resume')).toHaveLength(1);
  });

  it('knows three proxies', async () => {
    const { model } = await edit('door');
    const proxy = (): string => stored(model, 'door').connection.proxy;
    expect(valueOf('proxy')).toBe('system');
    type('proxy', 'none');
    await soon(() => expect(proxy()).toBe('none'));
    type('proxy', 'address');
    expect(valueOf('proxy-at')).toBe('');
    type('proxy-at', 'http://proxy.example:8080');
    await soon(() => expect(proxy()).toBe('http://proxy.example:8080'));
    expect(valueOf('proxy')).toBe('address');
    type('proxy', 'system');
    await soon(() => expect(proxy()).toBe(''));
    expect(all('proxy-at')).toEqual([]);
  });

  it('never polls without a time', async () => {
    const { model } = await edit('door');
    type('delivery', 'poll');
    type('poll-seconds', '');
    await soon(() => expect(stored(model, 'door').connection.poll_seconds).toBe(60));
    type('delivery', 'stream');
    await soon(() => expect(stored(model, 'door').connection.poll_seconds).toBe(0));
  });
});

describe('plain http', () => {
  it('asks for consent when a secret would leave this computer without encryption', async () => {
    const { saved } = await edit();
    type('feed-url', 'http://nas.local:8080/events');
    expect(all('plain-http')).toEqual([]);
    type('feed-access', 'bearer');
    type('secret-access.token', 'tk');
    click('feed-save');
    await soon(() => expect(one('error-connection.plain_http').textContent).toContain('not encrypted'));
    click('plain-http');
    click('feed-save');
    await soon(() => expect(saved).toHaveLength(2));
    expect(saved[1]!.connection.plain_http).toBe(true);
  });

  it.each([
    ['http://nas.local/events', true], ['http://192.168.1.4:8080/', true], ['http://localhost.example/', true],
    ['https://nas.local/events', false], ['http://localhost:3000/', false], ['http://127.0.0.1:2355/', false], ['http://[::1]/', false],
    ['http://app.localhost/', false], ['nas.local', false],
  ])('%s: %s', (url, asks) => {
    const header = { name: 'X-Api-Key', value: { kind: 'kept' } } as const;
    expect(unencrypted({ ...blankFeed(), url, headers: [header] })).toBe(asks);
    expect(unencrypted({ ...blankFeed(), url })).toBe(false);
  });
});

describe('the check of a feed', () => {
  const outcomes = (): string[] => [...all('test-step'), ...all('test-step-left')].map((line) => `${line.dataset.step} ${line.dataset.outcome}`);

  it('names each step, what was seen, and the time', async () => {
    await edit('journal');
    click('feed-test');
    await soon(() => expect(all('test-step')).toHaveLength(10));
    expect(outcomes()).toEqual(['access', 'name', 'connect', 'tls', 'answer', 'content_type', 'first_byte', 'keep_alive', 'first_event', 'resume']
      .map((step) => `${step} ${step === 'keep_alive' ? 'noted' : 'passed'}`));
    const [, name] = all('test-step');
    expect(name!.textContent).toContain('Passed');
    expect(name!.textContent).toContain('Find the server');
    expect(name!.textContent).toContain('journal.example is 203.0.113.20');
    expect(name!.textContent).toContain('5 ms');
    expect(one('test-progress').textContent).toBe('10 of 10 steps, 17 s');
    click('feed-test-stop');
    expect(one('feed-test').textContent).toContain('Test again');
  });

  it('shows where it failed, why, what was not reached, and what helps', async () => {
    await edit();
    type('feed-url', 'https://team.example/stream?key=geheim');
    click('feed-test');
    expect(all('test-step-left').length).toBe(9);
    await soon(() => expect(all('test-step').at(-1)!.dataset.outcome).toBe('failed'));
    await soon(() => one('feed-test'));
    expect(outcomes().slice(4)).toEqual(['content_type failed', 'first_byte unreached', 'keep_alive unreached', 'first_event unreached', 'resume unreached']);
    expect(all('test-step').at(-1)!.textContent).toContain('A web page came instead');
    expect(all('test-step-left')[0]!.textContent).toContain('Not reached');
    expect(one('test-progress').textContent).toBe('5 of 9 steps, 0.2 s');
    click('test-add-token');
    await soon(() => expect(document.activeElement).toBe(one('secret-access.token')));
    expect(valueOf('feed-access')).toBe('bearer');
    expect(all('test-add-token')).toEqual([]);
    click('test-retry');
    expect(all('test-step')).toEqual([]);
    expect(document.activeElement).toBe(one('feed-test-stop'));
  });

  it('suggests no token where one would not help', async () => {
    await edit();
    type('feed-url', 'http://nas.local/events');
    click('feed-test');
    await soon(() => one('test-retry'));
    expect(all('test-add-token')).toEqual([]);
    await edit('build');
    click('feed-test');
    await soon(() => expect(all('test-step').at(-1)!.textContent).toContain('refused the token, or wants one (401)'));
    expect(all('test-add-token')).toEqual([]);
  });

  it('copies a report without secrets', async () => {
    const { model } = await edit();
    type('feed-url', 'https://team.example/stream?key=geheim');
    click('feed-test');
    await soon(() => one('test-retry'));
    const copy = vi.spyOn(model, 'copy').mockResolvedValue();
    click('test-report');
    expect(copy.mock.calls[0]![0].split('\n')).toEqual([
      'Connection check by Feedbell 0.1.0',
      'https://team.example/stream',
      '5 of 9 steps, 0.2 s',
      '',
      'Passed | Find the server | 4 ms | team.example is 203.0.113.20',
      'Passed | Connect | 22 ms | Port 443 answers',
      'Passed | Secure | 53 ms | TLS 1.3, certificate valid until 4 March',
      'Passed | Answer | 97 ms | Status 200',
      expect.stringMatching(/^Failed \| Event stream \| 193 ms \| A web page came instead/),
      'Not reached | First byte', 'Not reached | Keep-alive', 'Not reached | First event', 'Not reached | Resume after a break',
      '',
    ]);
  });
});
