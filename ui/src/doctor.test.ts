import { describe, expect, it } from 'vitest';
import type { FeedForm, TestOutcome, TestStep } from './bindings';
import { lines, planned, shownAddress } from './doctor';
import { blankFeed } from './forms';
import type { Trial } from './model.svelte';

const form = (url: string, more: Partial<FeedForm> = {}): FeedForm => ({ ...blankFeed(), url, ...more });

function trial(running: boolean, ...steps: [TestStep, TestOutcome?][]): Trial {
  const url = 'https://a.example/events';
  return {
    running, url, planned: planned(form(url)), events: [],
    steps: steps.map(([step, outcome = 'passed'], i) => ({ kind: 'step', step, outcome, text: { id: `text-${i}`, args: {} }, ms: i })),
  };
}
const states = (each: Trial): string[] => lines(each).map(({ step, state }) => `${step} ${state}`);

describe('the plan of a test', () => {
  it('leaves out what this form does not need', () => {
    const always = ['answer', 'content_type', 'first_byte', 'keep_alive', 'first_event'];
    expect(planned(form('https://a.example/events'))).toEqual(['name', 'connect', 'tls', ...always, 'resume']);
    expect(planned(form('http://192.168.1.2:8080/'))).toEqual(['connect', ...always, 'resume']);
    expect(planned(form('http://[::1]/'))).not.toContain('name');
    const connection = { ...blankFeed().connection, proxy: 'socks5://127.0.0.1:1080', resume: { kind: 'off' } as const };
    expect(planned(form('http://a.example/', { connection, access: { kind: 'bearer', token: { kind: 'kept' } } })))
      .toEqual(['access', 'name', 'proxy', 'connect', ...always]);
  });

  it('is whole for an address that is none', () => {
    expect(planned(form('not an address'))).toContain('answer');
  });
});

describe('the lines of a test', () => {
  it('shows every step from the start, so that none pushes others down', () => {
    expect(states(trial(true)).slice(0, 3)).toEqual(['name waiting', 'connect ahead', 'tls ahead']);
    expect(lines(trial(true))).toHaveLength(9);
    expect(lines(trial(true, ['name'], ['connect']))).toHaveLength(9);
  });

  it('greys what a failure kept from being reached', () => {
    expect(states(trial(true, ['name'], ['connect', 'failed'])).slice(0, 4))
      .toEqual(['name passed', 'connect failed', 'tls unreached', 'answer unreached']);
  });

  it('drops a step that was passed over, but not keep-alives, which come when they come', () => {
    const open: [TestStep][] = [['connect'], ['tls'], ['answer'], ['content_type'], ['first_byte'], ['first_event']];
    expect(states(trial(true, ...open)).slice(-3)).toEqual(['keep_alive waiting', 'first_event passed', 'resume ahead']);
    expect(states(trial(true, ...open))[0]).toBe('connect passed');
    expect(states(trial(false, ...open)).slice(-3)).toEqual(['keep_alive unreached', 'first_event passed', 'resume unreached']);
  });

  it('waits for both a keep-alive and an event on an open stream', () => {
    expect(states(trial(true, ['first_byte'])).slice(-3)).toEqual(['keep_alive waiting', 'first_event waiting', 'resume ahead']);
  });

  it('lets the latest report of a step count', () => {
    const line = lines(trial(true, ['keep_alive'], ['first_event'], ['keep_alive', 'noted'])).find(({ step }) => step === 'keep_alive');
    expect(line).toMatchObject({ state: 'noted', text: { id: 'text-2' }, ms: 2 });
  });
});

it('shows an address without its user, query and fragment', () => {
  expect(shownAddress(' https://ada:pass@a.example:8443/events?token=secret#x')).toBe('https://a.example:8443/events');
  expect(shownAddress('a.example/events?token=secret')).toBe('a.example/events');
});
