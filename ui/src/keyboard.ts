import type { Model } from './model.svelte';

/** The window's keys, as listed by `?`. Fields keep theirs. */
export function keyboard(m: Model, help: () => void): (event: KeyboardEvent) => void {
  let afterG = false;

  return (event) => {
    const target = event.target instanceof HTMLElement ? event.target : null;
    if (event.defaultPrevented || event.altKey || event.isComposing) return;
    if (event.ctrlKey || event.metaKey) {
      if (event.key.toLowerCase() !== 'k' || event.shiftKey || target?.closest('dialog') != null) return;
      m.palette = true;
      event.preventDefault();
      return;
    }
    const typing = target?.closest('input, textarea, select, dialog, [role="menu"]') ?? null;
    if (event.key === 'Escape' && typing === null) {
      if (m.drawer) m.drawer = false;
      else if (m.page.kind === 'inbox') m.close();
      else m.go(m.page.kind === 'feed' ? { kind: 'settings', section: 'feeds' } : { kind: 'inbox' });
      return;
    }
    if (typing !== null) return;

    const go = afterG ? jumps[event.key] : undefined;
    afterG = false;
    const act = go ?? keys[event.key] ?? (m.page.kind === 'inbox' ? inboxKeys[event.key] : undefined);
    if (event.key === 'g') afterG = true;
    else if (event.key === '?') help();
    else if (act === undefined) return;
    else if (event.key === 'Enter' && target?.closest('button, summary') != null) return;
    else if (SCROLLING.has(event.key) && target?.closest('.detail') != null) return;
    else act(m);
    event.preventDefault();
  };
}

type Keys = Partial<Record<string, (m: Model) => void>>;

/** Keys that scroll the text being read where the focus is in it. */
const SCROLLING = new Set(['ArrowDown', 'ArrowUp', 'PageDown', 'PageUp', 'Home', 'End']);

const list = (): HTMLElement | null => document.querySelector('[data-testid="message-list"]');

/** The focus in the list: screen readers tell its active row. */
export function focusList(): void { list()?.focus({ preventScroll: true }); }

function move(m: Model, by: number): void {
  focusList();
  m.move(by);
}
const page = (): number => Number(list()?.dataset.page ?? 1);

const jumps: Keys = {
  a: (m) => m.show({ kind: 'all' }),
  u: (m) => m.show({ kind: 'unread' }),
  h: (m) => m.go({ kind: 'hub' }),
};

const keys: Keys = {
  z: (m) => m.undo(),
  P: (m) => (m.app?.pause ? m.resume() : m.pause(null)),
  '/': (m) => {
    if (m.page.kind !== 'inbox') m.go({ kind: 'inbox' });
    // The field may only be there after this turn.
    setTimeout(() => document.querySelector<HTMLInputElement>('[data-testid="search"]')?.focus());
  },
};

const inboxKeys: Keys = {
  j: (m) => move(m, 1),
  k: (m) => move(m, -1),
  ArrowDown: (m) => move(m, 1),
  ArrowUp: (m) => move(m, -1),
  PageDown: (m) => move(m, page()),
  PageUp: (m) => move(m, -page()),
  Home: (m) => move(m, -Infinity),
  End: (m) => move(m, Infinity),
  Enter: (m) => { if (m.selected !== null) m.open(m.selected); },
  o: (m) => { if (m.detail?.link) m.openLink(m.detail.row.id); },
  e: (m) => { if (m.current?.kind.kind === 'event') m.done(m.current, !m.current.done); },
  u: (m) => { if (m.current) m.markRead(m.current, m.current.unread); },
  p: (m) => { if (m.current?.kind.kind === 'event') m.pin(m.current, !m.current.pinned); },
  '#': (m) => { if (m.current) m.delete(m.current); },
  Delete: (m) => { if (m.current) m.delete(m.current); },
};
