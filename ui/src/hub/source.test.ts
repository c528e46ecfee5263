import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Source, type State } from './source';
import { FakeHub } from './testing';

let hub: FakeHub;
let states: State[];
let sources: Source[];
beforeEach(() => {
  vi.useFakeTimers();
  hub = new FakeHub();
  states = [];
  sources = [];
});
afterEach(() => {
  for (const source of sources) source.close();
  vi.useRealTimers();
});

function open(filter = { uids: [] as string[], topics: [] as string[] }, token: string | null = null, mayStream?: () => boolean): Source {
  const ignore = (): void => {};
  const source = new Source(filter, token, hub, { rows: ignore, earlier: ignore, addressed: ignore, state: (state) => states.push(state) }, mayStream);
  sources.push(source);
  source.start();
  return source;
}
const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
const seqs = (source: Source): number[] => source.list.rows.filter(({ kind }) => kind === 'event').map(({ id }) => Number(id.split('.')[1]));
const kinds = (): string[] => states.map(({ kind }) => kind);

describe('a source', () => {
  it('begins with what was, goes on with what comes, and hears every name', async () => {
    hub.publish('like', 'before');
    const source = open();
    await pass(200);
    expect(source.state).toEqual({ kind: 'live' });
    hub.publish('never-heard-of', '{"title":"x"}');
    await pass(200);
    expect(source.list.rows).toMatchObject([
      { event: 'like', data: 'before', at: null, to: [] }, { event: 'never-heard-of', at: expect.any(Number) as number, to: [] },
    ]);
    // It asks for a parameter: without one it would be the board.
    expect(hub.asked.every(({ url }) => url.search !== '')).toBe(true);
  });

  it('loses and doubles nothing when it is cut at any moment', async () => {
    const source = open();
    await pass(100);
    for (let i = 0; i < 50; i += 1) {
      hub.publish('like', String(i));
      if (i % 7 === 3) hub.cut();
      if (i % 11 === 5) hub.cut('id: 7f.9999\nevent: like\ndata: half');
      await pass(i % 3 === 0 ? 40 : 6000);
    }
    await pass(40_000);
    expect(seqs(source)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  });

  it('says when it tries again, waits longer each time, and goes on at once when told', async () => {
    const source = open();
    await pass(6000);
    hub.answer = () => 'down';
    hub.cut();
    await pass(10);
    const first = source.state as Extract<State, { kind: 'waiting' }>;
    expect(first.kind).toBe('waiting');
    expect(first.until - Date.now()).toBeLessThanOrEqual(1000);
    await pass(60_000);
    const tries = states.flatMap((state) => (state.kind === 'waiting' ? [state.until] : []));
    const pauses = tries.slice(1).map((until, i) => until - tries[i]!);
    expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
    expect(pauses.at(-1)).toBeGreaterThan(10_000);
    hub.answer = null;
    hub.publish('like', 'meanwhile');
    source.now();
    await pass(200);
    expect(source.state.kind).toBe('live');
    expect(seqs(source)).toEqual([1]);
    // Between two attempts the page shows one thing, not two in turn.
    expect(kinds().filter((kind) => kind === 'connecting')).toEqual([]);
  });

  it('asks instead where no stream gets through, and listens again later', async () => {
    hub.answer = (url) => (url.searchParams.has('poll') ? null : 'hang');
    const source = open();
    await pass(45_000);
    expect(source.state).toEqual({ kind: 'polling', seconds: 3 });
    hub.publish('like', 'one');
    hub.publish('like', 'two');
    await pass(3500);
    expect(seqs(source)).toEqual([1, 2]);
    hub.answer = null;
    await pass(61_000);
    expect(source.state.kind).toBe('live');
    hub.publish('like', 'three');
    await pass(200);
    expect(seqs(source)).toEqual([1, 2, 3]);
  });

  it('asks where streams end as soon as they begin', async () => {
    const source = open();
    for (let i = 0; i < 100; i += 1) {
      hub.cut();
      await pass(100);
    }
    expect(source.state.kind).toBe('polling');
  });

  it('asks when there is no room for its stream, and only so long', async () => {
    let room = false;
    const source = open({ uids: [], topics: [] }, null, () => room);
    await pass(100);
    expect(source.state.kind).toBe('polling');
    expect(hub.open).toBe(0);
    room = true;
    await pass(4000);
    expect(source.state.kind).toBe('live');
  });

  it('finds a stream that only looks alive', async () => {
    const source = open();
    await pass(100);
    hub.say('id: 7f.0\n\n');
    await pass(44_000);
    expect(hub.asked.filter(({ url }) => url.searchParams.has('control')).length).toBe(1);
    await pass(3000);
    expect(hub.asked.filter(({ url }) => url.searchParams.has('control')).length).toBe(2);
    expect(source.state.kind).toBe('live');
  });

  it('says what the hub wants of a person, and waits for it', async () => {
    const refuse = (status: number) => new Response('{"error":"because"}', { status });
    hub.answer = (_, headers) => (headers.get('Authorization') === 'Bearer good' ? null : refuse(401));
    const source = open();
    await pass(100);
    expect(source.state).toEqual({ kind: 'token', given: false });
    const asked = hub.asked.length;
    await pass(600_000);
    expect(hub.asked.length).toBe(asked);
    source.authorise('bad');
    await pass(100);
    expect(source.state).toEqual({ kind: 'token', given: true });
    source.authorise('good');
    await pass(100);
    expect(source.state).toEqual({ kind: 'live' });
    // Taken away while it is live.
    hub.answer = () => refuse(401);
    source.authorise(null);
    await pass(2000);
    expect(source.state).toEqual({ kind: 'token', given: false });
    // Never in an address.
    expect(hub.asked.every(({ url }) => !/good|bad|token|auth/.test(url.href))).toBe(true);

    hub.answer = () => refuse(403);
    source.now();
    await pass(100);
    expect(source.state).toEqual({ kind: 'refused', why: 'because' });
    hub.answer = () => new Response(null, { status: 204 });
    source.now();
    await pass(100);
    expect(source.state).toEqual({ kind: 'gone' });
    hub.answer = () => new Response('{"error":"all places are taken"}', { status: 503, headers: { 'Retry-After': '20' } });
    source.now();
    await pass(100);
    expect(source.state).toMatchObject({ kind: 'waiting', why: 'all places are taken' });
    await pass(19_000);
    expect(source.state.kind).toBe('waiting');
    hub.answer = null;
    await pass(2000);
    expect(source.state.kind).toBe('live');
  });

  it('shows what cannot be recovered', async () => {
    const source = open();
    await pass(100);
    hub.say('id: 7f.5\nevent: gap\ndata: {"from":"7f.0","to":"7f.5"}\n\n');
    await pass(200);
    expect(source.list.rows).toMatchObject([{ kind: 'gap', data: '{"from":"7f.0","to":"7f.5"}' }]);
  });

  it('finds out who events were for', async () => {
    hub.publish('like', 'old', 'uid:ada');
    const source = open({ uids: ['ada', 'bob'], topics: ['door'] });
    await pass(100);
    hub.publish('like', 'all');
    hub.publish('like', 'ada', 'uid:ada');
    hub.publish('like', 'both', 'topic:door', 'uid:bob', 'uid:eve');
    await pass(2500);
    hub.publish('like', 'not ours', 'uid:eve');
    await pass(2500);
    expect(source.list.rows.map(({ data, to }) => [data, to])).toEqual([
      ['old', ['uid:ada']], ['all', []], ['ada', ['uid:ada']], ['both', ['uid:bob', 'topic:door']],
    ]);
  });

  it('finds it out whenever they come', async () => {
    const source = open({ uids: ['ada'], topics: [] });
    await pass(100);
    for (let i = 0; i < 50; i += 1) {
      hub.publish('like', String(i), ...(i % 2 ? ['uid:ada'] : []));
      await pass(70);
    }
    await pass(3000);
    expect(source.list.rows.map(({ to }) => to)).toEqual(Array.from({ length: 50 }, (_, i) => (i % 2 ? ['uid:ada'] : [])));
  });

  it('comes back at once when the hub only turns connections over', async () => {
    const source = open();
    await pass(6000);
    hub.cut('event: bye\ndata: {"reason":"rotation"}\n\n');
    await pass(1100);
    expect(source.state.kind).toBe('live');
    expect(kinds()).not.toContain('waiting');
  });
});
