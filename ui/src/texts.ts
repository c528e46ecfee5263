import { FluentBundle, FluentNumber, FluentResource, type FluentValue, type FluentVariable } from '@fluent/bundle';
import type { Text } from './bindings';

export type Locale = 'en' | 'zh-CN';

export interface Piece { kind: 'lead' | 'code' | 'rest'; words: string }

const sources = import.meta.glob<string>('../../locales/*/{core,desktop,feed,notification,ui}.ftl', {
  query: '?raw', import: 'default', eager: true,
});

const resources = new Map<string, FluentResource>();

/** Each source is parsed once: there are few, and none changes. */
function parsed(source: string): FluentResource {
  const known = resources.get(source) ?? new FluentResource(source);
  resources.set(source, known);
  return known;
}

/** A moment less than so many milliseconds away needs no day: 12 hours. */
const NEAR = 12 * 3_600_000;

/** Everything that depends on the language: messages, numbers, times. */
export class Words {
  readonly locale: Locale;
  #bundle: FluentBundle;
  #time: Intl.DateTimeFormat;
  #clock: Intl.DateTimeFormat;
  #day: Intl.DateTimeFormat;
  #dayOfYear: Intl.DateTimeFormat;
  #number: Intl.NumberFormat;
  #list: Intl.ListFormat;

  /** `extra` adds Fluent sources to those of the program. */
  constructor(locale: string, extra: readonly string[] = []) {
    this.locale = locale === 'zh-CN' ? 'zh-CN' : 'en';
    // Isolating marks would end up in copied text and in the names that tests look for.
    this.#bundle = new FluentBundle(this.locale, { useIsolating: false, functions: { NUMBER } });
    for (const [path, source] of Object.entries(sources)) {
      if (path.includes(`/${this.locale}/`)) this.#bundle.addResource(parsed(source));
    }
    for (const source of extra) this.#bundle.addResource(parsed(source));
    const hour = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
    this.#time = new Intl.DateTimeFormat(this.locale, hour);
    this.#clock = new Intl.DateTimeFormat(this.locale, { ...hour, second: '2-digit' });
    this.#day = new Intl.DateTimeFormat(this.locale, { weekday: 'long', day: 'numeric', month: 'long' });
    this.#dayOfYear = new Intl.DateTimeFormat(this.locale, { day: 'numeric', month: 'long', year: 'numeric' });
    this.#number = new Intl.NumberFormat(this.locale);
    this.#list = new Intl.ListFormat(this.locale, { type: 'conjunction' });
  }

  /** One of the window's own messages: `ui-` and `id`. */
  t(id: string, args: Record<string, FluentVariable> = {}): string { return this.#format(`ui-${id}`, args); }

  /** A text from Rust, where numbers are never grouped: some are ports and status codes. */
  text({ id, args }: Text, now = Date.now()): string { return this.#format(id, this.#plain(args, now)); }

  #plain(args: Text['args'], now: number): Record<string, FluentVariable> {
    const plain: Record<string, FluentVariable> = {};
    for (const [name, value] of Object.entries(args)) {
      if (typeof value === 'object') plain[name] = this.#moment(value.moment, now);
      else if (typeof value === 'number') plain[name] = new FluentNumber(value, { useGrouping: false });
      else if (value !== undefined) plain[name] = value;
    }
    return plain;
  }

  /** A text from Rust in pieces: its leading words, and what is set in a fixed width. Together they are the text. */
  pieces(text: Text, now = Date.now()): Piece[] {
    let rest = this.text(text, now);
    const pieces: Piece[] = [];
    for (const kind of ['lead', 'code'] as const) {
      const words = this.#format(text.id, this.#plain(text.args, now), kind);
      const at = words === '' ? -1 : rest.indexOf(words);
      if (at < 0) continue;
      if (at > 0) pieces.push({ kind: 'rest', words: rest.slice(0, at) });
      pieces.push({ kind, words });
      rest = rest.slice(at + words.length);
    }
    return rest === '' ? pieces : [...pieces, { kind: 'rest', words: rest }];
  }

  number(value: number): string { return this.#number.format(value); }

  /** Ada, Lin Wei, and Sam */
  list(names: readonly string[]): string { return this.#list.format(names); }

  /** 14:36 */
  time(at: number): string { return this.#time.format(at); }

  /** 14:36:02 */
  clock(at: number): string { return this.#clock.format(at); }

  /** Today, Yesterday, or the date. */
  day(at: number, now: number): string {
    const days = Math.round((midnight(now) - midnight(at)) / 86_400_000);
    if (days === 0) return this.t('day-today');
    if (days === 1) return this.t('day-yesterday');
    const thisYear = new Date(at).getFullYear() === new Date(now).getFullYear();
    return (thisYear ? this.#day : this.#dayOfYear).format(at);
  }

  /** Today at 14:36 */
  moment(at: number, now: number): string {
    return this.t('day-at', { day: this.day(at, now), time: this.time(at) });
  }

  /** The end of something: the time alone if it is today, else with its day. */
  until(at: number, now: number): string {
    if (midnight(at) === midnight(now)) return this.time(at);
    const days = Math.round((midnight(at) - midnight(now)) / 86_400_000);
    return days === 1 ? this.t('day-tomorrow-at', { time: this.time(at) }) : this.t('day-at', { day: this.#day.format(at), time: this.time(at) });
  }

  /** How long ago, in the largest whole unit. */
  ago(at: number, now: number): string {
    const seconds = Math.max(0, Math.floor((now - at) / 1000));
    if (seconds < 60) return this.t('ago-seconds', { n: seconds });
    if (seconds < 3600) return this.t('ago-minutes', { n: Math.floor(seconds / 60) });
    if (seconds < 86_400) return this.t('ago-hours', { n: Math.floor(seconds / 3600) });
    return this.t('ago-days', { n: Math.floor(seconds / 86_400) });
  }

  /** An id that is nowhere shows itself; an attribute that is nowhere is empty. */
  #format(id: string, args: Record<string, FluentVariable>, attribute?: string): string {
    const message = this.#bundle.getMessage(id);
    const pattern = attribute === undefined ? message?.value : message?.attributes[attribute];
    if (!pattern) return attribute === undefined ? id : '';
    return this.#bundle.formatPattern(pattern, args, []);
  }

  /** A moment in a text from Rust, as Rust itself tells it: near ones without their day. */
  #moment(at: number, now: number): string {
    const time = this.time(at);
    const days = Math.round((midnight(at) - midnight(now)) / 86_400_000);
    if (days === 0 || Math.abs(at - now) < NEAR) return time;
    if (days === 1) return this.#format('moment-tomorrow', { time });
    if (days === -1) return this.#format('moment-yesterday', { time });
    const date = new Date(at);
    const year = date.getFullYear();
    const plain = { time, day: date.getDate(), month: date.getMonth() + 1, year: new FluentNumber(year, { useGrouping: false }) };
    return this.#format(year === new Date(now).getFullYear() ? 'moment-date' : 'moment-date-year', plain);
  }
}

/**
 * Fluent's NUMBER for the one option that the texts use. The built-in one hands the string
 * "false" to Intl, which takes it for its default and groups.
 */
function NUMBER([value]: FluentValue[], { useGrouping }: Record<string, FluentValue>): FluentValue {
  if (!(value instanceof FluentNumber)) return value ?? '';
  return new FluentNumber(value.value, { ...value.opts, ...(useGrouping === 'false' ? { useGrouping: false } : {}) });
}

/** The start of the local day. */
export function midnight(at: number): number {
  return new Date(at).setHours(0, 0, 0, 0);
}
