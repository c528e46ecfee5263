import type { Field, RawEvent, RuleForm, Verdict } from './bindings';

/** What a field of an event can become. Their places are their keys, `1` to `7`. */
export const ROLES = ['title', 'body', 'link', 'icon', 'urgency', 'group', 'key'] as const;
export type Role = (typeof ROLES)[number];

/** A field plays one of these; group and key come on top, for an id is often both. */
const VISIBLE: readonly Role[] = ['title', 'body', 'link', 'icon', 'urgency'];
/** Where a second field joins the first one. Elsewhere it takes its place. */
const JOINTS: Partial<Record<Role, string>> = { title: ' · ', body: '\n' };

/** Names that the event itself has in a template: a field of the data called the same is reached through `data`. */
const OWN = new Set(['event', 'id', 'feed', 'nth', 'text', 'event_title', 'data', 'say']);
/** Words of the template language. */
const WORDS = new Set(['true', 'false', 'none', 'True', 'False', 'None', 'not', 'and', 'or', 'in', 'is', 'if', 'else', 'self', 'super', 'loop', 'count']);

/** Characters of a whole text that a row shows. */
const MOST_TEXT = 2_000;

/** One row of the mapper. */
export interface MappedField {
  /** As people read it. */
  name: string;
  value: string;
  /** As a template names it. */
  expr: string;
}

/** What templates can name of an event: its data's fields, or its whole text, and its id. */
export function fieldsOf(raw: RawEvent, fields: readonly Field[]): MappedField[] {
  const data = parsed(raw.data);
  const rows = fields.filter(({ name }) => name !== '').map(({ name, value }) => {
    const expr = written(segments(name, data) ?? name.split('.'));
    return { name: OWN.has(name.split('.')[0]!) ? expr : name, value, expr };
  });
  if (rows.length === 0 && raw.data.trim() !== '') rows.push({ name: 'text', value: raw.data.slice(0, MOST_TEXT), expr: 'text' });
  if (raw.id !== null && raw.id !== '') rows.push({ name: 'id', value: raw.id, expr: 'id' });
  return rows;
}

/** The roles that a field plays in a rule, as far as its templates say so plainly. */
export function rolesOf(rule: RuleForm | undefined, expr: string): Role[] {
  return rule === undefined ? [] : ROLES.filter((role) => names(rule[role], expr));
}

/** The rule with a field in a role. `joins`: what the role has was chosen here, too, so that more is added to it. */
export function given(rule: RuleForm, expr: string, role: Role, joins: boolean): RuleForm {
  const kept = VISIBLE.includes(role) ? taken(rule, expr, VISIBLE.filter((each) => each !== role)) : { ...rule };
  if (names(kept[role], expr)) return kept;
  const joint = JOINTS[role];
  const before = kept[role].trimEnd();
  kept[role] = joins && joint !== undefined && before !== '' ? `${before}${joint}{{ ${expr} }}` : `{{ ${expr} }}`;
  return kept;
}

/** The rule with a field in none of these roles. */
export function taken(rule: RuleForm, expr: string, roles: readonly Role[] = ROLES): RuleForm {
  const kept = { ...rule };
  for (const role of roles) if (names(kept[role], expr)) kept[role] = without(kept[role], expr);
  return kept;
}

/** A rule where nothing is said yet. */
export const blankRule = (): RuleForm => ({
  name: '', events: [], when: '', then: 'notify', title: '', body: '', link: '', icon: '', urgency: '', group: '', actor: '', burst: '', key: '',
});

/** A rule for the events of one name, with the verdict they have so far. What is dropped has nothing to map. */
export const ruleFor = (name: string, so_far: Verdict): RuleForm => ({
  ...blankRule(), events: [name.replace(/[*?[{}]/g, (sign) => `[${sign}]`)], then: so_far === 'drop' ? 'notify' : so_far,
});

/** The names of the two fields that tell most about these events: short words that differ, people and titles first. */
export function telling(events: readonly { fields: readonly MappedField[] }[]): string[] {
  const seen = new Map<string, string[]>();
  for (const { fields } of events) {
    for (const { name, value } of fields) {
      if (name === 'id') continue;
      const values = seen.get(name);
      if (values) values.push(value);
      else seen.set(name, [value]);
    }
  }
  const rated = [...seen].map(([name, values], place) => {
    const last = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
    let points = 4 * (values.length / events.length) + 2 * (new Set(values).size / values.length);
    if (PEOPLE.test(name)) points += 3;
    if (TITLES.test(last)) points += 3;
    if (/^(.*_)?(id|uuid|url|uri|href|link|avatar|icon|image|hash|time|date|timestamp|.*_at)$/.test(last)) points -= 5;
    if (values.some((value) => /^(https?:|\/|\{|\[)/.test(value))) points -= 3;
    const mean = values.reduce((sum, value) => sum + value.length, 0) / values.length;
    if (mean > 60) points -= 3;
    else if (values.every((value) => /^[\d.,:TZ+-]+$|^(true|false)$/.test(value))) points -= 2;
    return { name, points, place };
  });
  const best = rated.sort((a, b) => b.points - a.points || a.place - b.place).slice(0, 2);
  return best.sort((a, b) => a.place - b.place).map(({ name }) => name);
}

const PEOPLE = /(actor|user|author|sender|account|from|who|by)(\.|_)?(name|login|display_name|nick)?$/i;
const TITLES = /title|name|subject|summary|message|text|label|topic|state|status|entity|body/;

/** A path that is written plainly in a template, without filters or calls. */
const PLAIN = /\{\{-?\s*((?:[A-Za-z_]\w*)(?:\.\w+|\[\s*(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\d+)\s*\])*)\s*-?\}\}/g;

/** The paths that a template names plainly. */
export function pathsIn(template: string): string[] {
  return [...template.matchAll(PLAIN)].map(([, path]) => canonical(path!));
}

function names(template: string, expr: string): boolean {
  return pathsIn(template).includes(canonical(expr));
}

/** Without a field, and without what only stood between it and another one. */
function without(template: string, expr: string): string {
  const wanted = canonical(expr);
  const GAP = '\u0000';
  const rest = template
    .replace(PLAIN, (all, path: string) => (canonical(path) === wanted ? GAP : all))
    .replace(new RegExp(`[“"'‘(（《「\\[]${GAP}[”"'’)）》」\\]]`, 'g'), GAP)
    .replace(new RegExp(`\\s*·\\s*${GAP}|${GAP}\\s*·\\s*|\\n${GAP}|${GAP}\\n| ${GAP}(?= |$)|^${GAP} `, 'g'), '')
    .replaceAll(GAP, '').trim();
  // Signs alone say nothing.
  return /[\p{L}\p{N}]/u.test(rest) ? rest : '';
}

/** One writing of a path: `data.a`, `data['a']` and `a` are the same. */
function canonical(path: string): string {
  const parts = [...path.matchAll(/([A-Za-z_]\w*)|\.(\w+)|\[\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(\d+))\s*\]/g)]
    .map(([, first, dotted, single, double, index]) => first ?? dotted ?? index ?? unescaped(single ?? double ?? ''));
  if (parts[0] === 'data' && parts.length > 1) return JSON.stringify(parts.slice(1));
  return OWN.has(parts[0]!) ? `the event's ${JSON.stringify(parts)}` : JSON.stringify(parts);
}

function written([first, ...rest]: string[]): string {
  const plain = (name: string): boolean => /^[A-Za-z_]\w*$/.test(name);
  const step = (name: string): string => (plain(name) ? `.${name}` : `['${escaped(name)}']`);
  const root = first ?? '';
  const from = plain(root) && !OWN.has(root) && !WORDS.has(root) ? root : `data${step(root)}`;
  return from + rest.map(step).join('');
}

const escaped = (name: string): string => name.replace(/[\\']/g, '\\$&')
  .replace(/[\u0000-\u001f]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
const unescaped = (name: string): string => name
  .replace(/\\(?:u([0-9a-f]{4})|(.))/gi, (_, code: string | undefined, sign: string) => (code ? String.fromCharCode(parseInt(code, 16)) : sign));

/** A flattened name as the steps to its value: names may have dots themselves. */
function segments(name: string, data: unknown): string[] | null {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return null;
  if (Object.hasOwn(data, name)) return [name];
  for (const [key, value] of Object.entries(data)) {
    if (!name.startsWith(`${key}.`)) continue;
    const rest = segments(name.slice(key.length + 1), value);
    if (rest !== null) return [key, ...rest];
  }
  return null;
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}
