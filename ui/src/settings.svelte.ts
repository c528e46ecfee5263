import { getContext, setContext } from 'svelte';
import { refusal } from './backend';
import type { FeedForm, GeneralForm, HubForm, Imported } from './bindings';
import type { FormErrors } from './errors.svelte';
import type { Model } from './model.svelte';

/**
 * Changes of the settings, one after the other: each is made to what the notifier confirmed last, so that two
 * quick ones do not undo each other. What a change answers is whether it was taken; why not is in `errors`.
 */
export class Changes {
  #last: Promise<unknown> = Promise.resolve();

  constructor(private readonly m: Model, readonly errors: FormErrors) {}

  general(patch: Partial<GeneralForm>): Promise<boolean> {
    return this.#apply(() => this.m.settings!.general, patch, (form) => this.m.saveGeneral(form));
  }

  hub(patch: Partial<HubForm>): Promise<boolean> {
    return this.#apply(() => this.m.settings!.hub, patch, (form) => this.m.saveHub(form));
  }

  feed(id: string, patch: Partial<FeedForm>): Promise<boolean> {
    return this.#apply(() => this.m.settings!.feeds.find((form) => form.id === id)!, patch, async (form) => { await this.m.saveFeed(form); });
  }

  #apply<F extends object>(stored: () => F, patch: Partial<F>, save: (form: F) => Promise<void>): Promise<boolean> {
    const run = this.#last.then(async () => {
      try {
        const before = stored();
        const form = { ...before, ...patch };
        if (JSON.stringify(form) !== JSON.stringify(before)) {
          const old = Object.fromEntries(Object.keys(patch).map((key) => [key, before[key as keyof F]])) as Partial<F>;
          await save(form);
          await this.m.refreshSettings();
          // Only what this change was: later ones stay.
          this.m.say(this.m.t('toast-settings-saved'), () => save({ ...stored(), ...old }));
        }
        this.errors.refusal = null;
        return true;
      } catch (error) {
        this.errors.refusal = refusal(error);
        return false;
      }
    });
    this.#last = run;
    return run;
  }
}

const KEY = Symbol('changes');
export function provideChanges(changes: Changes): Changes { return setContext(KEY, changes); }
export function useChanges(): Changes { return getContext(KEY); }

/** Writes the feeds into a file, says where it lies, and offers its folder. */
export async function exportFeeds(m: Model): Promise<void> {
  await m.attempt(m.backend.exportFeeds().then(({ path, count }) => {
    m.say(m.t('toast-exported-feeds', { n: count, path }), null, false, { label: m.t('action-show-in-folder'), act: () => void m.attempt(m.backend.openFolder(path)) });
  }));
}

/** Takes feeds out of an export. Undo removes them again. */
export async function takeIn(m: Model, text: string): Promise<Imported> {
  let came: Imported;
  try {
    came = await m.backend.importFeeds(text);
  } catch (error) {
    throw refusal(error);
  }
  await m.refreshSettings();
  if (came.feeds.length > 0) m.say(m.t('toast-imported', { n: came.feeds.length }), () => takeBack(m, came));
  return came;
}

export async function takeBack(m: Model, came: Imported): Promise<void> {
  for (const id of came.feeds) await m.backend.removeFeed(id);
  await m.refreshSettings();
}
