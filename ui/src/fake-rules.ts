import type { FeedForm, Field, Preview, RawEvent, RuleForm, Text, Urgency } from './bindings';

const URGENCIES: Record<string, Urgency> = { low: 'low', normal: 'normal', high: 'high', urgent: 'urgent' };
const plain = (id: string, args: Text['args'] = {}): Text => ({ id, args });

/** What rules make of an event, as far as templates are of the form `{{ path }}`: a small likeness of the notifier's. */
export function judge(form: FeedForm, raw: RawEvent): Preview & { burst?: string } {
  const data = parsed(raw.data);
  const at = form.rules.findIndex((rule) => matches(rule, raw, data));
  const rule = form.rules[at];
  const say = (template: string | undefined): string => render(template ?? '', raw, data).trim();
  const field = (...names: string[]): string => names.map((name) => lookup([name], data)).find((value) => value !== '') ?? '';
  const link = say(rule?.link) || field('url', 'link');
  const icon = say(rule?.icon);
  return {
    verdict: rule?.then ?? 'notify',
    why: rule ? plain('ledger-rule-named', { number: at + 1, name: rule.name || rule.events.join(', '), verdict: rule.then }) : plain('ledger-default'),
    rule: rule ? at : null,
    title: say(rule?.title) || field('title', 'subject') || raw.name,
    body: say(rule?.body) || field('body', 'message', 'text'),
    link: /^(https?:|mailto:)/.test(link) ? link : null,
    icon: /^https?:/.test(icon) && !form.notification.remote_icons ? null : icon || null,
    urgency: URGENCIES[say(rule?.urgency)] ?? 'normal',
    group: say(rule?.group) || null,
    actor: say(rule?.actor) || null,
    key: say(rule?.key) || null,
    ...(rule?.group && rule.burst ? { burst: render(rule.burst, raw, { ...(data as object), count: 3 }) } : {}),
    fields: flattened(data, ''),
  };
}

function matches(rule: RuleForm, raw: RawEvent, data: unknown): boolean {
  const glob = (pattern: string): RegExp => new RegExp(`^${pattern.replace(/\[(.)\]|[.+^$()|\\]|[*?]/g, (all, one: string | undefined) =>
    (one ? `\\${one}` : all === '*' ? '.*' : all === '?' ? '.' : `\\${all}`))}$`);
  const named = rule.events.length === 0 || rule.events.some((pattern) => glob(pattern).test(raw.name));
  return named && (rule.when.trim() === '' || truthy(lookup(rule.when.trim().split('.'), data)));
}

const truthy = (value: string): boolean => !['', 'false', '0'].includes(value);

function render(template: string, raw: RawEvent, data: unknown): string {
  const set: Record<string, string> = { event: raw.name, id: raw.id ?? '', text: raw.data };
  return template
    .replace(/\{\{\s*([^}|]+?)\s*(?:\|[^}]*)?\}\}/g, (_, path: string) => {
      const steps = [...path.matchAll(/(\w+)|\[\s*'((?:[^'\\]|\\.)*)'\s*\]/g)].map(([, word, quoted]) => word ?? quoted!.replace(/\\(.)/g, '$1'));
      if (steps.length === 1 && steps[0]! in set) return set[steps[0]!]!;
      return lookup(steps[0] === 'data' ? steps.slice(1) : steps, data);
    });
}

function lookup(steps: string[], data: unknown): string {
  let at: unknown = data;
  for (const step of steps) at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[step] : undefined;
  return at === undefined || at === null ? '' : typeof at === 'object' ? JSON.stringify(at) : String(at);
}

function flattened(value: unknown, path: string): Field[] {
  if (value === null || value === undefined || value === '') return [];
  if (typeof value !== 'object' || Array.isArray(value)) return path === '' ? [] : [{ name: path, value: typeof value === 'string' ? value : JSON.stringify(value) }];
  return Object.entries(value).flatMap(([name, each]) => flattened(each, path === '' ? name : `${path}.${name}`));
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}
