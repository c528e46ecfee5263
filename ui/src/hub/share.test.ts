import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Share, Tab, type Port, type Tell } from './share';
import type { Filter } from './source';
import { FakeHub } from './testing';

beforeEach(() => { vi.useFakeTimers(); });
afterEach(() => { vi.useRealTimers(); });
const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
const ALL: Filter = { uids: [], topics: [] };

/** Two ends that clone what passes, as a browser does. */
function ends(): [Port, Port] {
  const make = (): Port => ({ onmessage: null, postMessage: () => {} });
  const [one, two] = [make(), make()];
  const join = (to: Port) => (message: unknown): void => { queueMicrotask(() => to.onmessage?.({ data: structuredClone(message) } as MessageEvent)); };
  one.postMessage = join(two);
  two.postMessage = join(one);
  return [one, two];
}

function browser(hub: FakeHub) {
  const share = new Share(hub);
  const open = (filter: Filter = ALL, token: string | null = null) => {
    const [far, near] = ends();
    share.connect(far);
    const told: Tell[] = [];
    const tab = new Tab(near, (what) => told.push(what));
    tab.ask({ kind: 'listen', filter, token });
    return { tab, told, data: () => tab.list.rows.map(({ data }) => data), state: () => told.findLast((each) => each.kind === 'state' || each.kind === 'whole') };
  };
  return { share, open };
}

describe('what the tabs of a browser share', () => {
  it('is one connection, whenever a tab comes or goes', async () => {
    const hub = new FakeHub();
    const { open } = browser(hub);
    const tabs = [open()];
    const sent: string[] = [];
    for (let i = 0; i < 40; i += 1) {
      hub.publish('like', String(i));
      sent.push(String(i));
      if (i % 4 === 0) tabs.push(open());
      if (i % 9 === 5) tabs.shift()!.tab.ask({ kind: 'leave' });
      if (i % 13 === 7) hub.cut();
      await pass(i % 2 ? 30 : 7000);
      expect(hub.open).toBeLessThanOrEqual(1);
    }
    await pass(60_000);
    for (const tab of tabs) expect(tab.data()).toEqual(sent);
    for (const { tab } of tabs) tab.ask({ kind: 'leave' });
    await pass(10);
    expect(hub.open).toBe(0);
  });

  it('is one connection for each filter, and never more than a browser has', async () => {
    const hub = new FakeHub();
    const { open } = browser(hub);
    const tabs = Array.from({ length: 9 }, (_, i) => open({ uids: [`u${i}`], topics: [] }));
    const same = open({ uids: ['u1'], topics: [] });
    await pass(200);
    expect(hub.open).toBe(4);
    for (let i = 0; i < 9; i += 1) hub.publish('like', `for ${i}`, `uid:u${i}`);
    await pass(4000);
    tabs.forEach((tab, i) => expect(tab.data()).toEqual([`for ${i}`]));
    expect(same.data()).toEqual(['for 1']);
    expect(tabs.at(-1)!.state()).toMatchObject({ state: { kind: 'polling' } });
    // One goes, another takes its place.
    tabs[0]!.tab.ask({ kind: 'leave' });
    await pass(4000);
    expect(hub.open).toBe(4);
  });

  it('gives a tab that changes its filter the other list', async () => {
    const hub = new FakeHub();
    const { open } = browser(hub);
    hub.publish('like', 'ada', 'uid:ada');
    hub.publish('like', 'all');
    const tab = open();
    await pass(200);
    expect(tab.data()).toEqual(['all']);
    tab.tab.ask({ kind: 'listen', filter: { uids: ['ada'], topics: [] }, token: null });
    await pass(200);
    expect(tab.data()).toEqual(['ada', 'all']);
    expect(hub.open).toBe(1);
  });

  it('has one token: given in one tab, used by all, forgotten by all', async () => {
    const hub = new FakeHub();
    hub.answer = (_, headers) => (headers.get('Authorization') === 'Bearer good' ? null : new Response('{}', { status: 401 }));
    const { open } = browser(hub);
    const [one, two] = [open(), open()];
    await pass(100);
    expect(one.state()).toMatchObject({ state: { kind: 'token', given: false } });
    one.tab.ask({ kind: 'token', token: 'good' });
    await pass(100);
    const later = open(ALL, 'stale');
    await pass(100);
    for (const tab of [one, two, later]) expect(tab.state()).toMatchObject({ state: { kind: 'live' } });
    expect(two.told).toContainEqual({ kind: 'token', token: 'good' });
    expect(later.told[0]).toMatchObject({ kind: 'whole', token: 'good' });
    two.tab.ask({ kind: 'token', token: null });
    await pass(2000);
    for (const tab of [one, two, later]) {
      expect(tab.state()).toMatchObject({ state: { kind: 'token', given: false } });
      expect(tab.told).toContainEqual({ kind: 'token', token: null });
    }
  });
});
