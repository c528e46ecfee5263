import { describe, expect, it } from 'vitest';
import { Parser } from './sse';

describe('the parser', () => {
  const text = '\uFEFF: hi\r\n\r\nid: 7f.1\nevent: like\ndata: a\ndata:\ndata:  b\n\ndata\r\rid: 7f.2\n\nretry: 3000\nretry: soon\nnonsense: x\ndata: {"x": "张三"}\r\n\r\nid: 7f.9\ndata: never';
  const blocks = [
    { event: 'like', data: 'a\n\n b', id: '7f.1' }, { event: 'message', data: '', id: '7f.1' },
    { event: 'message', data: null, id: '7f.2' }, { event: 'message', data: '{"x": "张三"}', id: '7f.2' },
  ];

  it('makes of a stream what EventSource does, and what it does not tell', () => {
    const parser = new Parser();
    expect(parser.push(text)).toEqual(blocks);
    expect(parser.retry).toBe(3000);
  });

  it('does not care where the stream is cut', () => {
    for (let size = 1; size < 9; size += 1) {
      const parser = new Parser();
      const found = [];
      for (let at = 0; at < text.length; at += size) found.push(...parser.push(text.slice(at, at + size)));
      expect(found, `pieces of ${size}`).toEqual(blocks);
    }
  });

  it('keeps no more than a hub sends', () => {
    const parser = new Parser();
    const piece = 'x'.repeat(1 << 20);
    parser.push('data: ');
    expect(() => { for (let i = 0; i < 8; i += 1) parser.push(piece); }).toThrow(RangeError);
    const lines = new Parser();
    expect(() => { for (let i = 0; i < 8; i += 1) lines.push(`data: ${piece}\n`); }).toThrow(RangeError);
  });
});
