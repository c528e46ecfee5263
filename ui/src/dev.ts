import { mount } from 'svelte';
import App from './App.svelte';
import { Fake, FAKE_TEXTS, SCENES, type Scene } from './fake';
import { Model, type Section } from './model.svelte';
import './style.css';

// As Tauri does in the real window.
Object.freeze(Object.prototype);

const asked = new URLSearchParams(location.search);
const scene = (SCENES as readonly string[]).includes(asked.get('scene') ?? '') ? asked.get('scene') as Scene : 'full';
const fake = new Fake({
  scene, locale: asked.get('lang') === 'zh-CN' ? 'zh-CN' : 'en', theme: asked.get('theme') === 'dark' ? 'dark' : asked.get('theme') === 'light' ? 'light' : 'system',
  rows: Number(asked.get('rows') ?? (scene === 'many' ? 100_000 : 0)),
});
const model = new Model(fake, (locale) => [FAKE_TEXTS[locale === 'zh-CN' ? 'zh-CN' : 'en']]);
mount(App, { target: document.body, props: { model } });
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
if (asked.has('top')) {
  await new Promise((done) => setTimeout(done, 300));
  document.querySelector('[data-testid="message-list"]')!.scrollTop = Number(asked.get('top'));
}
if (asked.has('live')) setInterval(() => fake.arrive(`Ada liked note ${Math.floor(Math.random() * 100)}`), 2000);
// A script of clicks, by test id, for pictures of what only appears after some: `id` is clicked, `id=text` is filled in, `~id` is waited for.
const frames = async (n: number): Promise<void> => { for (let i = 0; i < n; i += 1) await new Promise((done) => requestAnimationFrame(done)); };
const there = async (id: string): Promise<HTMLElement | null> => {
  for (const end = Date.now() + 5000; Date.now() < end; await frames(1)) {
    const element = document.querySelector<HTMLElement>(`[data-testid="${id}"]`);
    if (element !== null) return element;
  }
  return null;
};
for (const step of asked.get('click')?.split(',') ?? []) {
  const [target, text] = step.replace('~', '').split('=');
  const element = await there(target ?? '');
  await frames(2);
  if (element === null) {
    document.documentElement.dataset.shown = `nothing is called ${target}`;
    break;
  }
  if (text !== undefined && (element instanceof HTMLInputElement || element instanceof HTMLSelectElement)) {
    element.value = text;
    element.dispatchEvent(new Event('input', { bubbles: true }));
    element.dispatchEvent(new Event('change', { bubbles: true }));
  } else if (!step.startsWith('~')) element.click();
}
document.documentElement.dataset.shown ??= 'whole';
