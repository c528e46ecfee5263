import { refusal } from './backend';
import type { FeedForm, Preview, RawEvent, RecentEvent, Refusal } from './bindings';
import { fieldsOf, telling, type MappedField } from './mapper';
import type { Model } from './model.svelte';
import { coalesced } from './once';

/** An event in the mapper's table. */
export interface Arrival {
  key: string;
  raw: RawEvent;
  at: number;
  preview: Preview;
  fields: MappedField[];
}

const MOST = 50;
const RECENT_GAP_MS = 1000;
const TYPING_MS = 150;
/** Characters of the data in an arrival's key. */
const KEY_DATA = 200;

/**
 * The events that a feed's editor works with, and what its form makes of the selected one. The
 * newest event is selected until the user picks one or works on it: then the list holds still.
 */
export class Mapping {
  recent = $state.raw<readonly RecentEvent[]>([]);
  /** What the form makes of the selected event. */
  preview = $state.raw<Preview | null>(null);
  /** The event that `preview` is about. */
  previewed = $state<string | null>(null);
  /** Why there is no newer preview. */
  refusal = $state.raw<Refusal | null>(null);
  #held = $state.raw<readonly Arrival[] | null>(null);
  #picked = $state<string | null>(null);

  readonly arrivals = $derived.by(() => this.#arrivals());
  readonly shown = $derived(this.#held ?? this.arrivals);
  readonly columns = $derived(telling(this.shown));
  readonly selected = $derived(this.shown.find(({ key }) => key === this.#picked) ?? this.shown[0] ?? null);
  /** How many came since the list holds still. */
  readonly newer = $derived.by(() => {
    const last = this.#held?.[0];
    return last === undefined ? 0 : this.arrivals.filter(({ at, key }) => at >= last.at && !this.#held!.some((each) => each.key === key)).length;
  });
  /** The names of the events that came, for suggestions. */
  readonly names = $derived([...new Set(this.arrivals.map(({ raw }) => raw.name))]);

  readonly #ask: () => Promise<void>;
  #question = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asked: RawEvent | null = null;

  /** `form` gives the form to judge by. */
  constructor(private readonly m: Model, private readonly id: string, private readonly form: () => FeedForm) {
    this.#ask = coalesced(async () => { this.recent = await m.recentEvents(id); }, RECENT_GAP_MS);
  }

  /** Asks for what came lately. */
  refresh(): void {
    if (this.id !== '' && !document.hidden) this.#ask().catch(() => undefined);
  }

  select(key: string): void {
    this.hold();
    this.#picked = key;
  }

  /** The list holds still from now on. */
  hold(): void {
    if (this.#held !== null || this.arrivals.length === 0) return;
    this.#picked = this.selected?.key ?? null;
    this.#held = this.arrivals;
  }

  /** Back to the newest event. */
  follow(): void {
    this.#held = null;
    this.#picked = null;
  }

  /** What a test that is no more brought is forgotten. */
  clear(): void {
    this.stop();
    this.follow();
    this.#asked = null;
    this.preview = null;
    this.previewed = null;
    this.refusal = null;
  }

  /** Draws the preview anew: at once for another event, soon for another form. */
  redraw(): void {
    const raw = this.selected?.raw ?? null;
    clearTimeout(this.#timer);
    if (raw === null) return;
    if (raw !== this.#asked) void this.fresh();
    else this.#timer = setTimeout(() => void this.fresh(), TYPING_MS);
  }

  /** What the form as it is now makes of the selected event; none if it cannot tell. An answer that was overtaken changes nothing. */
  async fresh(): Promise<Preview | null> {
    clearTimeout(this.#timer);
    const { selected } = this;
    if (selected === null) return null;
    const question = this.#question += 1;
    this.#asked = selected.raw;
    try {
      const preview = await this.m.preview(this.form(), selected.raw);
      if (question === this.#question) {
        this.preview = preview;
        this.previewed = selected.key;
        this.refusal = null;
      }
      return preview;
    } catch (error) {
      if (question === this.#question) this.refusal = refusal(error);
      return null;
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#question += 1;
  }

  /** What came to the feed and what a test received, newest first. The same event through both counts once. */
  #arrivals(): Arrival[] {
    const same = ({ name, id, data }: RawEvent): string => JSON.stringify([name, id, data]);
    const through = new Map<string, number>();
    for (const { raw } of this.recent) through.set(same(raw), (through.get(same(raw)) ?? 0) + 1);
    const tested = (this.m.trial?.events ?? []).filter(({ raw }) => {
      const left = through.get(same(raw)) ?? 0;
      if (left > 0) through.set(same(raw), left - 1);
      return left === 0;
    });
    const all = [...this.recent.map(({ raw, received, preview }) => ({ raw, at: received, preview })), ...tested]
      .sort((a, b) => b.at - a.at).slice(0, MOST);
    const used = new Map<string, number>();
    // From the oldest on, so that a newcomer changes no key.
    return all.reverse().map(({ raw, at, preview }) => {
      const base = JSON.stringify([at, raw.name, raw.id, raw.data.slice(0, KEY_DATA)]);
      const nth = (used.get(base) ?? 0) + 1;
      used.set(base, nth);
      return { key: `${base} ${nth}`, raw, at, preview, fields: fieldsOf(raw, preview.fields) };
    }).reverse();
  }
}
