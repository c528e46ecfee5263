import { describe, expect, it } from 'vitest';
import { present, raw, safeLink } from './present';

describe('what is shown of an event', () => {
  it.each([
    ['like', '{"title":"A","message":"b","url":"https://x.example/"}', 'A', 'b', 'https://x.example/'],
    ['like', '{"subject":"A\\n b","text":"c"}', 'A b', 'c', null],
    ['like', '{"who":"ada","post":{"id":7,"tags":["x"]},"none":null}', null, 'who: ada\npost.id: 7\npost.tags: ["x"]', null],
    ['like', '{"title":"A","n":1}', 'A', 'n: 1', null],
    ['like', 'plain', null, 'plain', null],
    ['like', '', null, '', null],
    ['message', 'one\ntwo', 'one', 'two', null],
    ['message', '[1,2]', '[1,2]', '', null],
    ['message', '{"broken"', '{"broken"', '', null],
    ['like', '{"title":{"nested":1}}', null, 'title.nested: 1', null],
    ['like', '{"__proto__":{"title":"x"},"constructor":"c"}', null, '__proto__.title: x\nconstructor: c', null],
  ])('%s %s', (event, data, title, body, link) => {
    expect(present(event, data)).toMatchObject({ title, body, link });
  });

  it('leaves out links that are not for following', () => {
    for (const link of ['javascript:alert(1)', ' JaVaScRiPt:alert(1)', 'data:text/html,x', 'file:///etc/passwd', 'vbscript:x', '/relative', '//host', 'blob:http://x/y', '']) {
      expect(safeLink(link), link).toBeNull();
    }
    expect(safeLink(' https://x.example/a b')).toBe('https://x.example/a%20b');
    expect(safeLink('mailto:ada@x.example')).toBe('mailto:ada@x.example');
  });

  it('is bounded, and cuts no character in two', () => {
    const long = '😀'.repeat(5000);
    const shown = present('like', JSON.stringify({ title: long, body: long }));
    expect(shown.title!.length).toBeLessThanOrEqual(201);
    expect(shown.body.length).toBeLessThanOrEqual(4001);
    expect(`${shown.title}${shown.body}`).not.toMatch(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])/);
    expect(raw('x'.repeat(1 << 20)).length).toBeLessThanOrEqual(20_001);
    const deep = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
    expect(present('like', deep).body).toMatch(/^(a\.)+/);
    expect(raw(deep).length).toBeLessThanOrEqual(20_001);
  });

  it('says what is urgent', () => {
    expect(present('a', '{"priority":5}').urgent).toBe(true);
    expect(present('a', '{"urgency":"High"}').urgent).toBe(true);
    expect(present('a', '{"priority":3}').urgent).toBe(false);
  });
});
