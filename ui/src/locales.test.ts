import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, Visitor, type Message, type Resource, type Term, type VariableReference } from '@fluent/syntax';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../../locales');
const LANGUAGES = ['en', 'zh-CN'];

class Variables extends Visitor {
  names = new Set<string>();
  override visitVariableReference(node: VariableReference): void { this.names.add(node.id.name); }
}

function read(language: string, file: string): Resource {
  return parse(readFileSync(join(ROOT, language, file), 'utf8'), {});
}

/** Each message's id with the variables it uses. */
function messages(resource: Resource): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const entry of resource.body) {
    if (entry.type !== 'Message' && entry.type !== 'Term') continue;
    const variables = new Variables();
    variables.visit(entry as Message | Term);
    found[(entry as Message | Term).id.name] = [...variables.names].sort();
  }
  return found;
}

const files = [...new Set(LANGUAGES.flatMap((language) => readdirSync(join(ROOT, language))))].filter((name) => name.endsWith('.ftl'));

describe.each(files)('%s', (file) => {
  it.each(LANGUAGES)('is whole in %s', (language) => {
    const junk = read(language, file).body.filter((entry) => entry.type === 'Junk');
    expect(junk).toEqual([]);
  });

  it('says the same things with the same variables in every language', () => {
    const [en, ...others] = LANGUAGES.map((language) => messages(read(language, file)));
    for (const other of others) expect(other).toEqual(en);
  });
});

it('has no id twice', () => {
  for (const language of LANGUAGES) {
    const ids = files.flatMap((file) => read(language, file).body).flatMap((entry) => (entry.type === 'Message' ? [(entry as Message).id.name] : []));
    expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([]);
  }
});

it('has every text that the window asks for by name, and no others', () => {
  const known = Object.keys(messages(read('en', 'ui.ftl')));
  const source = readdirSync(import.meta.dirname)
    .filter((name) => /\.(svelte|ts)$/.test(name) && !name.endsWith('.test.ts'))
    .map((name) => readFileSync(join(import.meta.dirname, name), 'utf8')).join('\n');
  const asked = [...source.matchAll(/\bt\(\s*'([\w-]+)'/g)].map(([, id]) => `ui-${id}`);
  expect(asked.filter((id) => !known.includes(id))).toEqual([]);
  // Ids put together from a kind appear by their beginning, those in tables by themselves.
  const made = [...source.matchAll(/\bt\(`([\w-]+)\$\{/g)].map(([, start]) => `ui-${start}`);
  const named = (id: string): boolean => source.includes(`'${id.slice(3)}'`) || source.includes(`'${id}'`);
  expect(known.filter((id) => !named(id) && !made.some((start) => id.startsWith(start)))).toEqual([]);
});
