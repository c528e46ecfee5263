import { flushSync } from 'svelte';
import { describe, expect, it, vi } from 'vitest';
import { Fake, type FakeOptions } from './fake';
import { may, names, reaches } from './hub';
import type { Model } from './model.svelte';
import { all, click, one, show, soon, type } from './testing';

async function hub(options: FakeOptions = {}, fake?: Fake): Promise<{ fake: Fake; model: Model }> {
  const shown = await show(options, fake ?? new Fake(options));
  shown.model.go({ kind: 'hub' });
  flushSync();
  return shown;
}

const text = (id: string): string => one(id).textContent!.trim();

describe('who is reached', () => {
  const listening = [
    { id: 1, uids: ['mira'], topics: [] }, { id: 2, uids: ['mira'], topics: ['home'] },
    { id: 3, uids: [], topics: ['home', 'build'] }, { id: 4, uids: [], topics: [] },
  ];

  it('counts somebody with two devices once, and each nameless stream', () => {
    expect(reaches(listening, { kind: 'everyone' })).toBe(3);
    expect(reaches(listening, { kind: 'user', uid: 'mira' })).toBe(1);
    expect(reaches(listening, { kind: 'user', uid: 'tomas' })).toBe(0);
    expect(reaches(listening, { kind: 'topic', topic: 'home' })).toBe(2);
  });

  it('names users and topics once', () => {
    expect(names(listening)).toEqual({ users: ['mira'], topics: ['build', 'home'] });
  });

  it('has a text for each set of rights', async () => {
    const { model } = await hub();
    for (let bits = 0; bits < 8; bits += 1) {
      const id = `token-may-${may({ read: (bits & 4) > 0, write: (bits & 2) > 0, admin: (bits & 1) > 0 })}`;
      expect(model.t(id)).not.toBe(`ui-${id}`);
    }
  });
});

describe('the page of the hub', () => {
  it('shows the address for others, who listens and what is kept', async () => {
    await hub({ scene: 'lan' });
    expect(text('hub-url')).toBe('http://192.168.1.14:2355');
    expect(text('hub-kept')).toBe('1,284 events kept, up to 7 days');
    await soon(() => expect(all('hub-subscriber')).toHaveLength(3));
    expect(text('hub-places')).toBe('3 of 500');
    expect(all('hub-subscriber')[2]!.textContent).toContain('Yesterday');
    expect(all('token').map((row) => row.textContent)).toEqual([expect.stringContaining('Listen'), expect.stringContaining('Send · only home')]);
    expect(text('hub-curl')).toContain('Bearer $TOKEN');
  });

  it('asks for the first token before others are let in, and shows its secret once', async () => {
    const { fake, model } = await hub({ scene: 'quiet' });
    click('hub-lan');
    await soon(() => one('token-form'));
    expect(text('hub-url')).toBe('http://127.0.0.1:2355');
    click('token-read');
    click('token-write');
    click('token-create');
    await soon(() => expect(text('error-rights')).toContain('at least one'));
    click('token-read');
    click('token-create');
    await soon(() => expect(text('token-secret')).toMatch(/^fb_\w{32}$/));
    await soon(() => expect(text('hub-url')).toBe('http://192.168.1.14:2355'));
    const secret = text('token-secret');
    expect(JSON.stringify([model.hub, model.app, model.settings])).not.toContain(secret);
    click('token-done');
    await soon(() => expect(all('token')).toHaveLength(1));
    expect(document.body.textContent).not.toContain(secret);
    expect(fake.asked.createToken).toBe(1);
  });

  it('goes back to this computer without a token', async () => {
    await hub({ scene: 'lan-first' });
    await soon(() => one('token-form'));
    click('token-stay-local');
    await soon(() => expect(one('hub-local').getAttribute('aria-checked')).toBe('true'));
    expect(all('token-form')).toEqual([]);
  });

  it('sends to everyone, to one who listens, or to another', async () => {
    const { fake } = await hub({ scene: 'lan' });
    await soon(() => expect(text('send-reaches')).toBe('Reaches 3 people'));
    const sent = vi.spyOn(fake, 'send');
    type('send-to', 'user:tomas');
    expect(text('send-reaches')).toBe('Reaches 1 person');
    type('send-text', 'Coffee is ready');
    click('send');
    await soon(() => expect(sent).toHaveBeenCalledWith({ event: 'like', to: { kind: 'user', uid: 'tomas' }, text: 'Coffee is ready' }));
    await soon(() => expect((one('send-text') as HTMLTextAreaElement).value).toBe(''));
    type('send-to', 'topic:');
    type('send-text', 'Open');
    expect((one('send') as HTMLButtonElement).disabled).toBe(true);
    type('send-other', ' home ');
    expect(text('send-reaches')).toContain('kept for later');
    click('send');
    await soon(() => expect(sent).toHaveBeenLastCalledWith({ event: 'like', to: { kind: 'topic', topic: 'home' }, text: 'Open' }));
  });

  it('disconnects, keeps away, and lets back in', async () => {
    await hub({ scene: 'lan' });
    await soon(() => expect(all('hub-subscriber')).toHaveLength(3));
    click('hub-disconnect');
    await soon(() => expect(all('hub-subscriber')).toHaveLength(2));
    expect(all('hub-bans')).toEqual([]);
    click('hub-subscriber-more');
    document.querySelector<HTMLElement>('[role="menuitem"]')!.click();
    await soon(() => expect(text('hub-bans')).toContain('tomas'));
    expect(all('hub-subscriber')).toHaveLength(1);
    click('hub-unban');
    await soon(() => expect(all('hub-bans')).toEqual([]));
  });

  it('revokes a token once that was confirmed', async () => {
    const { fake } = await hub({ scene: 'lan' });
    await soon(() => expect(all('token')).toHaveLength(2));
    click('token-more');
    document.querySelector<HTMLElement>('[role="menuitem"]')!.click();
    flushSync();
    expect(all('token')[0]!.textContent).toContain('Revoke “Family”?');
    expect(fake.asked.revokeToken).toBeUndefined();
    click('token-revoke-now');
    await soon(() => expect(all('token')).toHaveLength(1));
  });

  it('draws fifty of many, and all when asked', async () => {
    await hub({ scene: 'lan-full' });
    await soon(() => expect(all('hub-subscriber')).toHaveLength(50));
    expect(text('hub-places')).toContain('all places are taken');
    click('hub-all');
    expect(all('hub-subscriber')).toHaveLength(120);
  });

  it('says when it starts, why it does not run, and tries again', async () => {
    await hub({ scene: 'slow' });
    expect(text('hub-is-starting')).toContain('starting');
    const { fake } = await hub({ scene: 'deaf' });
    expect(text('hub-failed')).toContain('Port 2355');
    click('hub-again');
    await soon(() => expect(fake.asked.switchHub).toBe(1));
  });

  it('shows no address of others when there is no network', async () => {
    await hub({ scene: 'lan-away' });
    expect(text('hub-address-card')).toContain('Connect this computer to a network');
  });

  it('copies lines that use https where only that is spoken', async () => {
    const { fake, model } = await hub({ scene: 'lan' });
    await fake.saveHub({ ...model.settings!.hub, tls: 'required' });
    await soon(() => expect(text('hub-url')).toBe('https://192.168.1.14:2355'));
    expect(text('hub-curl')).toContain('curl https://192.168.1.14:2355/publish');
    expect(text('hub-receive')).toContain('"https://192.168.1.14:2355/events');
    expect(text('hub-address-card')).toContain('Encrypted. The fingerprint');
    expect(text('hub-address-card')).not.toContain('Not encrypted');
  });

  it('moves the switch by keys', async () => {
    await hub({ scene: 'lan' });
    one('hub-switch').dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowLeft', bubbles: true, cancelable: true }));
    await soon(() => expect(one('hub-local').getAttribute('aria-checked')).toBe('true'));
  });

  it('asks for its lists on its page alone', async () => {
    const { fake, model } = await hub({ scene: 'lan' });
    await soon(() => expect(fake.asked.hubLists).toBeGreaterThan(0));
    await soon(() => expect(all('hub-subscriber')).toHaveLength(3));
    model.go({ kind: 'inbox' });
    const before = fake.asked.hubLists;
    const apps = fake.asked.app!;
    fake.say({ kind: 'app' });
    await soon(() => expect(fake.asked.app).toBeGreaterThan(apps));
    expect(fake.asked.hubLists).toBe(before);
  });
});
