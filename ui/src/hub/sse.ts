/** One block of an event stream. `data` is null when the block only moved the last event id. */
export interface Block {
  event: string;
  data: string | null;
  /** The last event id after this block. */
  id: string;
}

/** Longest block, in characters: more than the hub ever sends. */
const LONGEST = 4 << 20;

/** What EventSource does with the text of a stream (WHATWG HTML 9.2.6), for any event name. */
export class Parser {
  /** The reconnection time the stream asked for, in milliseconds. */
  retry: number | null = null;
  #rest = '';
  #begun = false;
  #afterCr = false;
  #event = '';
  #data: string[] = [];
  #size = 0;
  #id: string;
  #touched = false;

  constructor(lastId = '') { this.#id = lastId; }

  /** The blocks that `text` completes. A block without its empty line never counts. */
  push(text: string): Block[] {
    if (text === '') return [];
    if (!this.#begun) {
      this.#begun = true;
      if (text.startsWith('\uFEFF')) text = text.slice(1);
    }
    if (this.#afterCr && text.startsWith('\n')) text = text.slice(1);
    this.#afterCr = text.endsWith('\r');
    const blocks: Block[] = [];
    const lines = text.split(/\r\n|\r|\n/);
    const last = lines.pop()!;
    for (const line of lines) {
      const block = this.#line(this.#rest + line);
      this.#rest = '';
      if (block) blocks.push(block);
    }
    this.#rest += last;
    if (this.#rest.length + this.#size > LONGEST) throw new RangeError('an event is longer than a hub sends');
    return blocks;
  }

  #line(line: string): Block | null {
    if (line === '') return this.#end();
    const colon = line.indexOf(':');
    if (colon === 0) return null;
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    if (field === 'event') this.#event = value;
    else if (field === 'data') {
      this.#data.push(value);
      this.#size += value.length + 1;
    } else if (field === 'id' && !value.includes('\0')) {
      this.#id = value;
      this.#touched = true;
    } else if (field === 'retry' && /^\d{1,9}$/.test(value)) this.retry = Number(value);
    return null;
  }

  #end(): Block | null {
    const data = this.#data.length > 0 ? this.#data.join('\n') : null;
    const block = data !== null || this.#touched ? { event: this.#event || 'message', data, id: this.#id } : null;
    this.#event = '';
    this.#data = [];
    this.#size = 0;
    this.#touched = false;
    return block;
  }
}
