import { List, type Row } from './list';
import { Source, type Filter, type State, type World } from './source';

/** From a tab to what the tabs share. */
export type Ask =
  /** Also said again by a tab that comes back: it then gets the whole list. */
  | { kind: 'listen'; filter: Filter; token: string | null }
  /** Another token for all tabs, or none any more. */
  | { kind: 'token'; token: string | null }
  | { kind: 'now' }
  | { kind: 'leave' };

/** From there to a tab. */
export type Tell =
  | { kind: 'whole'; rows: readonly Row[]; state: State; token: string | null }
  | { kind: 'rows' | 'earlier'; rows: readonly Row[] }
  | { kind: 'addressed'; to: ReadonlyMap<string, string[]> }
  | { kind: 'state'; state: State }
  | { kind: 'token'; token: string | null };

export interface Port {
  postMessage(message: unknown): void;
  onmessage: ((event: MessageEvent) => unknown) | null;
  addEventListener?(type: string, listener: () => void): void;
}

/** Browsers open six connections to a host over HTTP/1.1; some stay for asking and sending. */
const MOST_STREAMS = 4;

/** What all tabs of a browser share: one connection for each filter, and the token. */
export class Share {
  #world: World;
  #token: string | null = null;
  #sources = new Map<string, { source: Source; ports: Set<Port> }>();
  #ports = new Set<Port>();

  constructor(world: World) { this.#world = world; }

  connect(port: Port): void {
    this.#ports.add(port);
    port.onmessage = ({ data }: MessageEvent<Ask>) => this.#asked(port, data);
    // Said by some browsers when a tab crashes.
    port.addEventListener?.('close', () => this.#leave(port));
  }

  /** The machine is back in a network. */
  now(): void { for (const { source } of this.#sources.values()) source.now(); }

  #asked(port: Port, ask: Ask): void {
    switch (ask.kind) {
      case 'listen':
        this.#ports.add(port);
        if (this.#token === null && ask.token !== null) this.#authorise(ask.token);
        return this.#listen(port, ask.filter);
      case 'token': return this.#authorise(ask.token);
      case 'now': return [...this.#sources.values()].find(({ ports }) => ports.has(port))?.source.now();
      case 'leave': return this.#leave(port);
    }
  }

  #listen(port: Port, filter: Filter): void {
    const key = JSON.stringify([[...filter.uids].sort(), [...filter.topics].sort()]);
    for (const [other, { ports }] of this.#sources) if (other !== key) this.#part(other, ports, port);
    let shared = this.#sources.get(key);
    if (!shared) {
      const ports = new Set<Port>();
      const tell = (message: Tell): void => { for (const each of ports) each.postMessage(message); };
      const source: Source = new Source(filter, this.#token, this.#world, {
        rows: (rows) => tell({ kind: 'rows', rows }),
        earlier: (rows) => tell({ kind: 'earlier', rows }),
        addressed: (to) => tell({ kind: 'addressed', to }),
        state: (state) => tell({ kind: 'state', state }),
      }, () => [...this.#sources.values()].filter((each) => each.source !== source && each.source.streams).length < MOST_STREAMS);
      shared = { source, ports };
      this.#sources.set(key, shared);
    }
    const begins = shared.ports.size === 0;
    shared.ports.add(port);
    if (begins) shared.source.start();
    this.#tell(port, { kind: 'whole', rows: shared.source.list.rows, state: shared.source.state, token: this.#token });
  }

  #authorise(token: string | null): void {
    if (token === this.#token) return this.now();
    this.#token = token;
    for (const { source } of this.#sources.values()) source.authorise(token);
    for (const port of this.#ports) this.#tell(port, { kind: 'token', token });
  }

  #leave(port: Port): void {
    this.#ports.delete(port);
    for (const [key, { ports }] of this.#sources) this.#part(key, ports, port);
  }

  #part(key: string, ports: Set<Port>, port: Port): void {
    if (!ports.delete(port) || ports.size > 0) return;
    this.#sources.get(key)?.source.close();
    this.#sources.delete(key);
  }

  #tell(port: Port, message: Tell): void { port.postMessage(message); }
}

/** One tab's view of what is shared. */
export class Tab {
  readonly list = new List();
  #port: Port;

  constructor(port: Port, changed: (what: Tell, fresh: readonly Row[]) => void) {
    this.#port = port;
    port.onmessage = ({ data }: MessageEvent<Tell>) => {
      let fresh: readonly Row[] = [];
      switch (data.kind) {
        case 'whole':
          // Also rows whose addressees are known by now.
          this.list.clear();
          this.list.add(data.rows);
          break;
        case 'rows': fresh = this.list.add(data.rows); break;
        case 'earlier': this.list.before(data.rows); break;
        case 'addressed': this.list.address(data.to); break;
      }
      changed(data, fresh);
    };
  }

  ask(ask: Ask): void { this.#port.postMessage(ask); }
}
