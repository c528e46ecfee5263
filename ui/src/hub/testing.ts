import type { World } from './source';

/** A hub for the tests: what it holds, and how its streams behave. Time is the tests'. */
export class FakeHub implements World {
  origin = 'http://hub.test';
  events: { event: string; data: string; to: string[] }[] = [];
  epoch = '7f';
  /** What a request is answered with instead. */
  answer: ((url: URL, headers: Headers) => Response | 'down' | 'hang' | null) | null = null;
  asked: { url: URL; token: string | null }[] = [];
  #streams = new Set<{ filter: string[]; write: ReadableStreamDefaultController<Uint8Array> }>();
  random = (): number => 0.5;
  now = (): number => Date.now();

  /** Streams that are open now. */
  get open(): number { return this.#streams.size; }

  publish(event: string, data: string, ...to: string[]): void {
    this.events.push({ event, data, to });
    for (const { filter, write } of this.#streams) write.enqueue(bytes(this.#frames(this.events.length - 1, filter)));
  }

  /** Ends every stream, after these last words. */
  cut(words = ''): void {
    for (const stream of this.#streams) {
      if (words) stream.write.enqueue(bytes(words));
      stream.write.close();
    }
    this.#streams.clear();
  }

  say(words: string): void { for (const { write } of this.#streams) write.enqueue(bytes(words)); }

  fetch = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(String(input));
    const headers = new Headers(init.headers);
    this.asked.push({ url, token: headers.get('Authorization') });
    const other = this.answer?.(url, headers) ?? null;
    if (other === 'down') throw new TypeError('Failed to fetch');
    if (other === 'hang') return new Promise((_, refuse) => init.signal?.addEventListener('abort', () => refuse(new Error('aborted'))));
    if (other) return other;
    const query = url.searchParams;
    const filter = [...query.getAll('uid').map((uid) => `uid:${uid}`), ...query.getAll('topic').map((topic) => `topic:${topic}`)];
    const cursor = query.get('lastEventId') ?? query.get('since');
    const seq = cursor === 'none' || cursor === null ? this.events.length : Number(cursor.split('.')[1]);
    const opening = `: hub\n\n${query.has('control') ? `event: hello\ndata: {"position":"${this.epoch}.${seq}","heartbeat":15}\n\n` : ''}id: ${this.epoch}.${seq}\n\n`;
    const text = opening + this.#frames(seq, filter);
    // As the hub does, with the place that was reached, which may be that of an event for others.
    if (query.has('poll')) return this.#stream(`${text}id: ${this.epoch}.${this.events.length}\n\n`, null, init.signal);
    return this.#stream(text, filter, init.signal);
  };

  #stream(text: string, filter: string[] | null, signal: AbortSignal | null | undefined): Response {
    const body = new ReadableStream<Uint8Array>({
      start: (write) => {
        write.enqueue(bytes(text));
        if (filter === null) return write.close();
        const stream = { filter, write };
        this.#streams.add(stream);
        signal?.addEventListener('abort', () => {
          if (this.#streams.delete(stream)) write.error(new Error('aborted'));
        });
      },
    });
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } });
  }

  #frames(after: number, filter: string[]): string {
    return this.events.map((event, i) => ({ ...event, seq: i + 1 }))
      .filter(({ seq, to }) => seq > after && (to.length === 0 || to.some((each) => filter.includes(each))))
      .map(({ seq, event, data }) => `id: ${this.epoch}.${seq}\nevent: ${event}\n${data.split('\n').map((line) => `data: ${line}\n`).join('')}\n`).join('');
  }
}

function bytes(text: string): Uint8Array { return new TextEncoder().encode(text); }
