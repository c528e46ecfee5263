import { mount, tick, unmount } from 'svelte';
import App from './App.svelte';
import { Fake, FAKE_TEXTS, SCENES, type Scene } from './fake';
import { Model, type Section } from './model.svelte';
import './style.css';

// As Tauri does in the real window.
Object.freeze(Object.prototype);

let leave = async (): Promise<void> => undefined;

/** Shows what a query asks for, in place of what was there. Settled once its script of clicks has run. */
async function show(query: string): Promise<void> {
  await leave();
  const asked = new URLSearchParams(query);
  const scene = (SCENES as readonly string[]).includes(asked.get('scene') ?? '') ? asked.get('scene') as Scene : 'full';
  const fake = new Fake({
    scene, locale: asked.get('lang') === 'zh-CN' ? 'zh-CN' : 'en', theme: asked.get('theme') === 'dark' ? 'dark' : asked.get('theme') === 'light' ? 'light' : 'system',
    rows: Number(asked.get('rows') ?? (scene === 'many' ? 100_000 : 0)),
  });
  const model = new Model(fake, (locale) => [FAKE_TEXTS[locale === 'zh-CN' ? 'zh-CN' : 'en']]);
  const app = mount(App, { target: document.body, props: { model } });
  const live = asked.has('live') ? setInterval(() => fake.arrive(`Ada liked note ${Math.floor(Math.random() * 100)}`), 2000) : undefined;
  leave = async () => {
    clearInterval(live);
    model.stop();
    await unmount(app);
  };
  await model.start();
  Object.assign(window, { fake, model });

  const [page, detail] = (asked.get('page') ?? 'inbox').split(':');
  if (page === 'hub') model.go({ kind: 'hub' });
  if (page === 'settings') model.go({ kind: 'settings', section: (detail ?? null) as Section | null });
  if (page === 'feed') model.go({ kind: 'feed', id: detail ?? '' });
  const row = model.rows[Number(asked.get('row') ?? -1)];
  if (row) model.open(row.id);
  if (asked.has('search')) model.searchFor(asked.get('search')!);
  if (asked.has('unread')) model.onlyUnread(true);
  if (asked.has('palette')) model.palette = true;
  await tick();
  if (asked.has('top')) {
    const list = await there('message-list');
    await frames(2);
    if (list !== null) list.scrollTop = Number(asked.get('top'));
  }
  for (const step of asked.get('click')?.split(',') ?? []) await take(step);
}

/** One step of a script, by test id, for what only appears after some: `id` is clicked, `id=text` is filled in, `~id` is waited for. */
async function take(step: string): Promise<void> {
  const [target = '', text] = step.replace('~', '').split('=');
  const element = await there(target);
  if (element === null) throw new Error(`nothing is called ${target}`);
  await frames(2);
  if (text !== undefined && (element instanceof HTMLInputElement || element instanceof HTMLSelectElement)) {
    element.value = text;
    element.dispatchEvent(new Event('input', { bubbles: true }));
    element.dispatchEvent(new Event('change', { bubbles: true }));
  } else if (!step.startsWith('~')) element.click();
}

async function there(id: string): Promise<HTMLElement | null> {
  for (const end = Date.now() + 10_000; Date.now() < end; await frames(1)) {
    const element = document.querySelector<HTMLElement>(`[data-testid="${id}"]`);
    if (element !== null) return element;
  }
  return null;
}

async function frames(n: number): Promise<void> {
  for (let i = 0; i < n; i += 1) await new Promise((done) => requestAnimationFrame(done));
}

Object.assign(window, { show });
await show(location.search);
document.documentElement.dataset.shown = '';
