import type { Model } from './model.svelte';

/** The window's keys, as listed by `?`. Fields keep theirs. */
export function keyboard(m: Model, help: () => void): (event: KeyboardEvent) => void {
  let afterG = false;

  return (event) => {
    const target = event.target instanceof HTMLElement ? event.target : null;
    const typing = target?.closest('input, textarea, select, dialog, [role="menu"]') ?? null;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
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
    else act(m);
    event.preventDefault();
  };
}

type Keys = Partial<Record<string, (m: Model) => void>>;

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
  j: (m) => m.move(1),
  k: (m) => m.move(-1),
  ArrowDown: (m) => m.move(1),
  ArrowUp: (m) => m.move(-1),
  Enter: (m) => { if (m.selected !== null) m.open(m.selected); },
  e: (m) => { if (m.selected !== null) m.markRead([m.selected], true); },
  u: (m) => { if (m.selected !== null) m.markRead([m.selected], false); },
  p: (m) => { if (m.selected !== null) m.pin([m.selected], !(m.detail?.row.pinned ?? false)); },
  '#': (m) => { if (m.selected !== null) m.delete([m.selected]); },
  Delete: (m) => { if (m.selected !== null) m.delete([m.selected]); },
};
