import type { FeedForm, TestOutcome, TestStep, Text } from './bindings';
import { address } from './forms';
import type { Trial } from './model.svelte';

/** The steps of a feed test, in their order. */
const ORDER: readonly TestStep[] = [
  'access', 'name', 'proxy', 'connect', 'tls', 'answer', 'content_type', 'first_byte', 'keep_alive', 'first_event', 'resume',
];

/** A line of the check: a step that was reported, is under way, lies ahead, or will not come any more. */
export interface Line {
  step: TestStep;
  state: TestOutcome | 'waiting' | 'ahead' | 'unreached';
  text: Text | null;
  /** Since the test began. */
  ms: number | null;
}

/** The steps that a test of this form will probably take: those shown before they are reported. */
export function planned(form: FeedForm): TestStep[] {
  const url = address(form.url);
  const numeric = url !== null && /^[\d.]+$|^\[/.test(url.hostname);
  const { proxy, resume } = form.connection;
  const left: Partial<Record<TestStep, boolean>> = {
    access: form.access.kind === 'none' && form.headers.length === 0,
    name: numeric && proxy === '',
    tls: url?.protocol !== 'https:',
    proxy: proxy === '' || proxy === 'none',
    resume: resume.kind === 'off',
  };
  return ORDER.filter((step) => !left[step]);
}

/** What there is to show of a test. The latest report of a step counts. */
export function lines({ steps, running, planned: plan }: Trial): Line[] {
  const reported = new Map(steps.map((step) => [step.step, step]));
  const furthest = Math.max(-1, ...steps.map(({ step }) => ORDER.indexOf(step)));
  const over = !running || steps.some(({ outcome }) => outcome === 'failed');
  // Whatever was passed over was not needed. Keep-alives come when they come.
  const shown = ORDER.filter((step, i) => reported.has(step) || (plan.includes(step) && (i > furthest || step === 'keep_alive')));
  const next = shown.find((step) => !reported.has(step));
  const listening = next === 'keep_alive' || next === 'first_event';
  return shown.map((step) => {
    const report = reported.get(step);
    if (report !== undefined) return { step, state: report.outcome, text: report.text, ms: report.ms };
    const now = step === next || (listening && step === 'first_event');
    return { step, state: over ? 'unreached' : now ? 'waiting' : 'ahead', text: null, ms: null };
  });
}

/** An address as a report may show it: without its query, which may hold a token, and without a user. */
export function shownAddress(url: string): string {
  const parsed = address(url);
  return parsed === null ? url.split(/[?#]/)[0]! : `${parsed.origin}${parsed.pathname}`;
}
