import { mount } from 'svelte';
import '../style.css';
import Hub from './Hub.svelte';
import { Model, type Browser } from './model.svelte';

/** Storage, where the browser lets us. */
function storage(which: 'sessionStorage' | 'localStorage'): Storage | null {
  try {
    return window[which];
  } catch {
    return null;
  }
}

const browser: Browser = {
  fetch: (...args) => fetch(...args),
  now: Date.now,
  random: Math.random,
  origin: location.origin,
  shared: 'SharedWorker' in window
    ? (failed) => {
        const worker = new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'feedbell-hub' });
        worker.onerror = failed;
        return worker.port;
      }
    : null,
  session: storage('sessionStorage'),
  local: storage('localStorage'),
  languages: navigator.languages,
  search: location.search,
  address: (search) => { if (search !== location.search) history.replaceState(null, '', location.pathname + search); },
};

const model = new Model(browser);
mount(Hub, { target: document.body, props: { model } });
addEventListener('pagehide', () => model.leave());
addEventListener('pageshow', (event) => { if (event.persisted) model.back(); });
addEventListener('online', () => model.tryNow());
model.start();
