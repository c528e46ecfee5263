import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { recipe, streamPath, TOOLS, type Place } from './recipes';

const WILD = `o'brien "x" \\ $(id) \`id\` 张三 #${'{'}y}`;
const PLACES: Place[] = [
  { origin: 'http://127.0.0.1:2355', uids: [], topics: [], token: false },
  { origin: 'https://hub.example', uids: ['ada', WILD], topics: ['door'], token: true },
  { origin: 'http://[::1]:2355', uids: [WILD], topics: [], token: false },
  { origin: 'http://192.168.1.4:2355', uids: [], topics: ['door'], token: true },
];

describe('recipes', () => {
  it.each(PLACES)('are filled in for $origin', (place) => {
    for (const tool of TOOLS) {
      const receive = recipe('receive', tool, place);
      const send = recipe('send', tool, place);
      expect(receive).toContain(place.origin);
      expect(send).toContain(`${place.origin}/publish`);
      expect(receive.includes('FEEDBELL_TOKEN')).toBe(place.token);
      expect(send.includes('FEEDBELL_TOKEN')).toBe(place.token);
      expect(`${receive}${send}`).not.toMatch(/[?&]token=|undefined|\[object/);
    }
  });

  it.each(PLACES)('are programs, for $origin', (place) => {
    for (const way of ['receive', 'send'] as const) {
      for (const tool of ['browser', 'node'] as const) {
        expect(() => execFileSync('node', ['--input-type=module', '--check'], { input: recipe(way, tool, place), stdio: ['pipe', 'ignore', 'pipe'] }), `${way} ${tool}`).not.toThrow();
      }
      // A shell sees one command with the words that are meant.
      const echo = recipe(way, 'curl', place).replace(/^curl/, 'printf "%s\\n"');
      const words = execFileSync('sh', ['-c', echo], { encoding: 'utf8', env: { FEEDBELL_TOKEN: 'fb_x' } }).trim().split('\n');
      const url = words.find((word) => word.startsWith(place.origin))!;
      if (way === 'receive') expect([...new URL(url).searchParams.getAll('uid')]).toEqual(place.uids.length + place.topics.length > 0 ? place.uids : ['me']);
      else expect(JSON.parse(words.find((word) => word.startsWith('{'))!).uid).toEqual(place.uids[0]);
      expect(words.includes('Authorization: Bearer fb_x')).toBe(place.token);
    }
  });

  it('never point at the board', () => {
    expect(streamPath([], [])).toBe('/events?uid=me');
    expect(streamPath(['a b&c'], ['door'])).toBe('/events?uid=a+b%26c&topic=door');
  });
});
