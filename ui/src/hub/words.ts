import { FluentBundle, FluentResource, type FluentVariable } from '@fluent/bundle';

export type Locale = 'en' | 'zh-CN';

const sources = import.meta.glob<string>('../../../locales/*/hub.ftl', { query: '?raw', import: 'default', eager: true });

/** Everything on the page that depends on the language. */
export class Words {
  readonly locale: Locale;
  #bundle: FluentBundle;
  #clock: Intl.DateTimeFormat;
  #day: Intl.DateTimeFormat;
  #date: Intl.DateTimeFormat;

  constructor(locale: Locale) {
    this.locale = locale;
    // Isolating marks would end up in copied text.
    this.#bundle = new FluentBundle(locale, { useIsolating: false });
    for (const [path, source] of Object.entries(sources)) {
      if (path.includes(`/${locale}/`)) this.#bundle.addResource(new FluentResource(source));
    }
    const clock = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const;
    this.#clock = new Intl.DateTimeFormat(locale, clock);
    this.#day = new Intl.DateTimeFormat(locale, { ...clock, day: 'numeric', month: 'long' });
    this.#date = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short' });
  }

  /** `page-` and `id`; an id that is nowhere shows itself. */
  t(id: string, args: Record<string, FluentVariable> = {}): string { return this.find(id, args) ?? id; }

  find(id: string, args: Record<string, FluentVariable> = {}): string | null {
    const pattern = this.#bundle.getMessage(`page-${id}`)?.value;
    return pattern ? this.#bundle.formatPattern(pattern, args, []) : null;
  }

  /** `like` reads "Like" or "点赞"; an unknown name stays as it is. */
  eventTitle(name: string): string {
    const id = `event-${name.toLowerCase().replaceAll(/[ _]/g, '-').replace('favourite', 'favorite')}`;
    return (/^[\w-]+$/.test(id) && this.find(id)) || name;
  }

  /** 14:36:02, and the day when it is not today. */
  time(at: number, now: number): string {
    return new Date(at).toDateString() === new Date(now).toDateString() ? this.#clock.format(at) : this.#day.format(at);
  }

  /** 14:36:02, or the day alone. */
  since(at: number, now: number): string {
    return new Date(at).toDateString() === new Date(now).toDateString() ? this.#clock.format(at) : this.#date.format(at);
  }

  /** 8 November at 14:36:02 */
  moment(at: number): string { return this.#day.format(at); }
}

/** The first language of the browser's that we have. */
export function preferred(languages: readonly string[]): Locale {
  for (const language of languages) {
    if (/^zh\b/i.test(language)) return 'zh-CN';
    if (/^en\b/i.test(language)) return 'en';
  }
  return 'en';
}
