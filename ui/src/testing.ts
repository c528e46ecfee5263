import { flushSync, mount, unmount } from 'svelte';
import { afterEach, vi } from 'vitest';
import App from './App.svelte';
import { Fake, FAKE_TEXTS, type FakeOptions } from './fake';
import { Model } from './model.svelte';

let close: () => void = () => undefined;
afterEach(() => {
  vi.useRealTimers();
  close();
});

/** The whole window over sample data, until the test ends or shows another. */
export async function show(options: FakeOptions = {}, fake = new Fake(options)): Promise<{ fake: Fake; model: Model }> {
  close();
  const model = new Model(fake, (locale) => [FAKE_TEXTS[locale === 'zh-CN' ? 'zh-CN' : 'en']]);
  const app = mount(App, { target: document.body, props: { model } });
  close = () => {
    model.stop();
    void unmount(app);
    document.body.replaceChildren();
    close = () => undefined;
  };
  await model.start();
  flushSync();
  return { fake, model };
}

/** The elements with a test id. */
export const all = (id: string): HTMLElement[] => [...document.querySelectorAll<HTMLElement>(`[data-testid="${id}"]`)];

export function one(id: string): HTMLElement {
  const [found] = all(id);
  if (!found) throw new Error(`no ${id} in ${document.body.textContent}`);
  return found;
}

export const valueOf = (id: string): string => (one(id) as HTMLInputElement).value;

export function press(key: string): void {
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  flushSync();
}

/** Into a field, or as the choice of a select. */
export function type(id: string, value: string): void {
  const input = one(id) as HTMLInputElement;
  input.value = value;
  input.dispatchEvent(new Event('input', { bubbles: true }));
  input.dispatchEvent(new Event('change', { bubbles: true }));
  flushSync();
}

export function click(id: string): void {
  one(id).click();
  flushSync();
}

export const soon = (check: () => void): Promise<void> => vi.waitFor(() => { flushSync(); check(); }, { timeout: 3000 });
