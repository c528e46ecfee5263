import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Failed, Model, type Browser } from './model.svelte';
import type { Port } from './share';
import { FakeHub } from './testing';

let hub: FakeHub;
beforeEach(() => {
  // Messages between ports take turns of the real loop, which setImmediate waits for.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  hub = new FakeHub();
});
afterEach(() => { vi.useRealTimers(); });
async function pass(ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 100) {
    for (let i = 0; i < 3; i += 1) await new Promise((turn) => setImmediate(turn));
    await vi.advanceTimersByTimeAsync(100);
  }
}

function storage(kept: Record<string, string> = {}) {
  return { kept, getItem: (name: string) => kept[name] ?? null, setItem: (name: string, value: string) => { kept[name] = value; }, removeItem: (name: string) => { delete kept[name]; } };
}
function open(more: Partial<Browser> = {}): { model: Model; addresses: string[]; session: ReturnType<typeof storage> } {
  const addresses: string[] = [];
  const session = storage();
  const browser: Browser = {
    fetch: hub.fetch, now: hub.now, random: hub.random, origin: hub.origin, shared: null, session, local: storage(), languages: ['en'], search: '',
    address: (search) => addresses.push(search), ...more,
  };
  const model = new Model(browser);
  model.start();
  return { model, addresses, session };
}
const json = (body: unknown, status = 200): Response => new Response(JSON.stringify(body), { status });

describe('the page', () => {
  it('keeps its filter in the address, and nothing else', () => {
    const { model, addresses } = open({ search: '?uid=ada&topic=door&uid=ada&token=fb_secret&auth=x' });
    expect(model.filter).toEqual({ uids: ['ada'], topics: ['door'] });
    expect(addresses.at(-1)).toBe('?uid=ada&topic=door');
    model.listen({ uids: [], topics: [] });
    expect(addresses.at(-1)).toBe('');
  });

  it('listens by itself when what the tabs share does not answer', async () => {
    const sent: unknown[] = [];
    const mute: Port = { onmessage: null, postMessage: (message) => sent.push(message) };
    const { model } = open({ shared: (failed) => {
      setTimeout(failed, 1);
      return mute;
    } });
    await pass(500);
    expect(sent).toMatchObject([{ kind: 'listen' }, { kind: 'leave' }]);
    expect(model.state.kind).toBe('live');
    // What the other one says after all is not for us.
    mute.onmessage?.({ data: { kind: 'state', state: { kind: 'gone' } } } as MessageEvent);
    expect(model.state.kind).toBe('live');
    model.leave();
    const { model: other } = open({ shared: () => { throw new Error('forbidden'); } });
    await pass(500);
    expect(other.state.kind).toBe('live');
    other.leave();
  });

  it('keeps a token in the session alone, and forgets it', async () => {
    const { model, session } = open();
    model.use('fb_secret');
    expect(session.kept).toEqual({ 'feedbell-token': 'fb_secret' });
    hub.answer = (url, headers) => (url.pathname === '/publish' ? json({ id: headers.get('Authorization') ?? 'none' }) : null);
    expect(await model.publish({ data: 'x' })).toBe('Bearer fb_secret');
    expect(hub.asked.at(-1)!.url.href).toBe('http://hub.test/publish');
    model.use(null);
    expect(session.kept).toEqual({});
    expect(await model.publish({ data: 'x' })).toBe('none');
  });

  it('shows who is online only to those who may know, and asks the others once', async () => {
    const { model } = open();
    const ada = { id: '7', uids: ['ada'], topics: [], device: 'Firefox on Linux', address: '192.168.1.23', since: 1, lag: 0 };
    hub.answer = (url) => (url.pathname.startsWith('/hub/') ? json({ subscribers: [ada], max: 900 }) : null);
    await model.look();
    expect(model.online).toEqual({ subscribers: [ada], max: 900 });
    for (const status of [401, 403, 404]) {
      model.use(`other ${status}`);
      hub.answer = (url) => (url.pathname.startsWith('/hub/') ? json({ error: 'no' }, status) : null);
      hub.asked = [];
      await model.look();
      await model.look();
      expect(model.online).toBeNull();
      expect(hub.asked.length).toBe(1);
    }
    // A hub that does not answer takes nothing away.
    model.use('again');
    hub.answer = () => json({ subscribers: [ada] });
    await model.look();
    hub.answer = () => 'down';
    await model.look();
    expect(model.online).toEqual({ subscribers: [ada], max: null });
  });

  it('disconnects, and says why not', async () => {
    const { model } = open();
    hub.answer = () => json({ subscribers: [] });
    await model.disconnect('7/x');
    expect(hub.asked.map(({ url }) => url.pathname).slice(-2)).toEqual(['/hub/subscribers/7%2Fx', '/hub/subscribers']);
    hub.answer = () => json({ error: 'nobody has that id' }, 404);
    await expect(model.disconnect('7')).rejects.toEqual(new Failed(404, 'nobody has that id'));
    hub.answer = () => 'down';
    await expect(model.disconnect('7')).rejects.toMatchObject({ status: 0 });
  });

  it('tells a screen reader what came, together', async () => {
    const { model } = open();
    await pass(500);
    hub.publish('like', '{"title":"Ada liked it"}');
    await pass(1000);
    expect([model.rows.length, model.spoken]).toEqual([1, '']);
    await pass(5000);
    expect(model.spoken).toBe('Ada liked it');
    for (let i = 0; i < 3; i += 1) hub.publish('like', '{}');
    await pass(6000);
    expect(model.spoken).toBe('3 new events');
    model.leave();
  });
});
