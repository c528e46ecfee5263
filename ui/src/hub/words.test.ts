import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { preferred, Words } from './words';

const source = readdirSync(import.meta.dirname).filter((name) => /\.(svelte|ts)$/.test(name) && !/test/.test(name))
  .map((name) => readFileSync(join(import.meta.dirname, name), 'utf8')).join('\n');

// That both languages have the same ids with the same variables, locales.test.ts sees to.
it.each(['en', 'zh-CN'] as const)('has every text the page asks for in %s, and no others', (locale) => {
  const text = readFileSync(join(import.meta.dirname, '../../../locales', locale, 'hub.ftl'), 'utf8');
  const known = [...text.matchAll(/^page-([\w-]+) =/gm)].map(([, id]) => id!);
  const words = new Words(locale);
  const asked = [...source.matchAll(/\bt\(\s*'([\w-]+)'/g)].map(([, id]) => id!);
  expect(asked.filter((id) => words.find(id, { n: 1 }) === null)).toEqual([]);
  const made = [...source.matchAll(/`([\w-]+)-\$\{/g), ...source.matchAll(/\$\{way\}(-note)-\$\{/g)].map(([, start]) => start!);
  expect(known.filter((id) => !source.includes(`'${id}'`) && !made.some((start) => id.startsWith(`${start}-`) || id.includes(start)))).toEqual([]);
});

it('speaks the first language of the browser that it can', () => {
  expect(preferred(['de-DE', 'zh-TW', 'en'])).toBe('zh-CN');
  expect(preferred(['en-GB', 'zh'])).toBe('en');
  expect(preferred(['fr'])).toBe('en');
  expect(preferred([])).toBe('en');
});

it('names events as the app does', () => {
  expect(new Words('zh-CN').eventTitle('Favourite')).toBe('收藏');
  expect(new Words('en').eventTitle('<b>x</b>')).toBe('<b>x</b>');
  expect(new Words('en').eventTitle('door')).toBe('door');
});
