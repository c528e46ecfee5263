/** What is shown of an event. */
export interface Presented {
  /** Null: the event's name says it all. */
  title: string | null;
  body: string;
  link: string | null;
  urgent: boolean;
}

// As the app does without a rule, which is what its preset for hubs has.
const TITLES = ['title', 'subject', 'summary'];
const BODIES = ['body', 'message', 'msg', 'text', 'content', 'description'];
const LINKS = ['link', 'url', 'click', 'href'];
const TITLE = 200;
const BODY = 4000;
const FIELDS = 100;

export function present(event: string, data: string): Presented {
  const value = parsed(data);
  const fields = value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
  const pick = (names: readonly string[]): string | null => {
    for (const name of names) {
      const text = Object.hasOwn(fields, name) ? scalar(fields[name]) : null;
      if (text !== null) return text;
    }
    return null;
  };
  let title = oneLine(pick(TITLES) ?? '');
  let body = pick(BODIES);
  if (body === null && value !== null && !Array.isArray(value)) {
    body = flattened(value).filter(([name]) => !title || !TITLES.includes(name)).map(([name, text]) => `${name}: ${text}`).join('\n');
  }
  body = limited((body ?? data).trim(), BODY);
  if (!title && event === 'message') {
    // Nothing names it: its first line does.
    const [first = '', ...rest] = body.split('\n');
    title = oneLine(first);
    body = title.endsWith('…') ? body : rest.join('\n').trim();
  }
  const urgency = String(pick(['urgency']) ?? pick(['priority']) ?? '').trim().toLowerCase();
  return {
    title: title || null,
    body,
    link: safeLink(pick(LINKS)),
    urgent: ['high', 'urgent', 'critical', 'max', '4', '5'].includes(urgency),
  };
}

/** Only what a person can follow safely. */
export function safeLink(link: string | null): string | null {
  if (link === null || !URL.canParse(link.trim())) return null;
  const url = new URL(link.trim());
  return ['http:', 'https:', 'mailto:'].includes(url.protocol) ? url.href : null;
}

/** The data as it came, JSON with line breaks, and no more of it than a page can show. */
export function raw(data: string): string {
  const value = parsed(data);
  return limited((value !== null && written(value, 2)) || data, 20_000);
}

function parsed(data: string): object | null {
  if (!/^\s*[{[]/.test(data)) return null;
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

function scalar(value: unknown): string | null {
  return typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;
}

/** JSON, unless it is nested deeper than a browser can write. */
function written(value: unknown, indent = 0): string | null {
  try {
    return JSON.stringify(value, null, indent);
  } catch {
    return null;
  }
}

function flattened(value: object): [name: string, text: string][] {
  const out: [string, string][] = [];
  const walk = (value: unknown, path: string, depth: number): void => {
    if (out.length >= FIELDS || value === null || value === undefined) return;
    if (typeof value === 'object' && !Array.isArray(value) && depth < 8) {
      for (const [name, inner] of Object.entries(value)) walk(inner, path ? `${path}.${name}` : name, depth + 1);
    } else if (path) {
      out.push([path, typeof value === 'string' ? value : (written(value) ?? '…')]);
    }
  };
  walk(value, '', 0);
  return out;
}

function oneLine(text: string): string { return limited(text.split(/\s+/).filter(Boolean).join(' '), TITLE); }

/** Cut between characters, never inside one. */
function limited(text: string, most: number): string {
  if (text.length <= most) return text;
  const end = /[\uD800-\uDBFF]/.test(text[most - 1]!) ? most - 1 : most;
  return `${text.slice(0, end)}…`;
}
