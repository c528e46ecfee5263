import { describe, expect, it } from 'vitest';
import type { RuleForm } from './bindings';
import { blankRule, fieldsOf, given, pathsIn, rolesOf, ROLES, ruleFor, taken, telling } from './mapper';

const rule = (more: Partial<RuleForm>): RuleForm => ({ ...blankRule(), ...more });
const event = (data: unknown, ...names: string[]): ReturnType<typeof fieldsOf> => fieldsOf(
  { name: 'like', id: null, data: typeof data === 'string' ? data : JSON.stringify(data) }, names.map((name) => ({ name, value: 'x' })),
);
const exprs = (data: unknown, ...names: string[]): string[] => event(data, ...names).map(({ expr }) => expr);

describe('the fields of an event', () => {
  it('are named as a template reaches them', () => {
    expect(exprs({ actor: { name: 'Ada' }, total: 3 }, 'actor.name', 'total')).toEqual(['actor.name', 'total']);
  });

  it('go through the data where their name is no identifier, or is taken', () => {
    expect(exprs({ 'odd name': 1, 'a-b': { c: 1 }, 标题: 'x', "it's": 1, not: 1, count: 2 }, 'odd name', 'a-b.c', '标题', "it's", 'not', 'count'))
      .toEqual(["data['odd name']", "data['a-b'].c", "data['标题']", "data['it\\'s']", 'data.not', 'data.count']);
    expect(exprs({ id: 7, data: { note: 'x' }, event: 'y' }, 'id', 'data.note', 'event')).toEqual(['data.id', 'data.data.note', 'data.event']);
  });

  it('may have dots in their names', () => {
    expect(exprs({ 'a.b': 1, c: { 'd.e': { f: 1 } } }, 'a.b', 'c.d.e.f')).toEqual(["data['a.b']", "c['d.e'].f"]);
  });

  it('are its whole text where its data has none, and its id', () => {
    expect(event('front door')).toEqual([{ name: 'text', value: 'front door', expr: 'text' }]);
    const [field, id] = fieldsOf({ name: 'like', id: '8f.1', data: '{"id":7}' }, [{ name: 'id', value: '7' }]);
    expect(field).toEqual({ name: 'data.id', value: '7', expr: 'data.id' });
    expect(id).toEqual({ name: 'id', value: '8f.1', expr: 'id' });
  });
});

describe('the role of a field', () => {
  it('is read from plain templates, however the path is written', () => {
    const saves = rule({ title: '{{ actor.name }} saved “{{post.title}}”', group: "{{ data['post'].id }}", key: '{{ id }}', body: '{{ note | upper }}' });
    expect(['actor.name', 'post.title', 'post.id', 'id', 'data.id', 'note'].map((expr) => rolesOf(saves, expr)))
      .toEqual([['title'], ['title'], ['group'], ['key'], [], []]);
    expect(rolesOf(undefined, 'actor.name')).toEqual([]);
  });

  it('replaces what was there first, then joins', () => {
    let made = given(rule({ title: 'New: {{ headline }}' }), 'actor.name', 'title', false);
    expect(made.title).toBe('{{ actor.name }}');
    made = given(made, 'post.title', 'title', true);
    expect(made.title).toBe('{{ actor.name }} · {{ post.title }}');
    expect(given(made, 'post.title', 'title', true).title).toBe(made.title);
    expect(given(rule({ body: '{{ a }}' }), 'b', 'body', true).body).toBe('{{ a }}\n{{ b }}');
    expect(given(rule({ link: '{{ a }}' }), 'b', 'link', true).link).toBe('{{ b }}');
    expect(given(rule({}), 'b', 'title', true).title).toBe('{{ b }}');
  });

  it('moves among those one sees; group and key come on top', () => {
    const made = given(rule({ title: '{{ a }} · {{ b }}', group: '{{ a }}' }), 'a', 'body', false);
    expect(made).toMatchObject({ title: '{{ b }}', body: '{{ a }}', group: '{{ a }}' });
    expect(given(made, 'b', 'key', false)).toMatchObject({ title: '{{ b }}', key: '{{ b }}' });
  });

  it('is taken with what only stood beside it', () => {
    const cleared = (title: string): string => taken(rule({ title }), 'a').title;
    expect(cleared('{{ a }}')).toBe('');
    expect(cleared('{{ a }} · {{ b }}')).toBe('{{ b }}');
    expect(cleared('{{ b }} · {{ a }} · {{ c }}')).toBe('{{ b }} · {{ c }}');
    expect(cleared('{{ b }} saved “{{ a }}”')).toBe('{{ b }} saved');
    expect(cleared('{{ a }} saved “{{ b }}”')).toBe('saved “{{ b }}”');
    expect(cleared('“{{ a }}”!')).toBe('');
    expect(cleared('{{ a | upper }}')).toBe('{{ a | upper }}');
    expect(taken(rule({ body: '{{ b }}\n{{ a }}', key: '{{ data.a }}' }), 'a')).toMatchObject({ body: '{{ b }}', key: '' });
  });

  it('survives a round trip for any name', () => {
    for (const name of ['plain', 'odd name', "it's", 'back\\slash', 'new\nline', '标题', 'id', 'a.b', '{{ x }}', '}}', '0']) {
      const [field] = fieldsOf({ name: 'x', id: null, data: JSON.stringify({ [name]: 1 }) }, [{ name, value: '1' }]);
      for (const role of ROLES) expect(rolesOf(given(rule({}), field!.expr, role, false), field!.expr), name).toEqual([role]);
    }
  });
});

it('finds plain paths only', () => {
  expect(pathsIn('{{ a.b }} {{- c -}} {{ d|upper }} {{ f(x) }} {% if g %}')).toEqual(['["a","b"]', '["c"]']);
});

describe('a rule for an event', () => {
  it('matches its name to the letter', () => {
    expect(ruleFor('like', 'keep')).toMatchObject({ events: ['like'], then: 'keep' });
    expect(ruleFor('a*{b}[c]?', 'notify').events).toEqual(['a[*][{]b[}][[]c][?]']);
  });
  it('notifies of what was dropped', () => expect(ruleFor('ping', 'drop').then).toBe('notify'));
});

describe('the columns of the table', () => {
  const rows = (...each: Record<string, string>[]): { fields: ReturnType<typeof fieldsOf> }[] =>
    each.map((fields) => ({ fields: Object.entries(fields).map(([name, value]) => ({ name, value, expr: name })) }));

  it('are who and what', () => {
    expect(telling(rows(
      { 'post.id': 'p1', 'actor.avatar': '/a.png', 'actor.name': 'Ada', 'post.title': 'Notes', 'data.total': '112', created_at: '2026-11-21' },
      { 'post.id': 'p1', 'actor.avatar': '/b.png', 'actor.name': 'Lin', 'post.title': 'Notes', 'data.total': '113', created_at: '2026-11-22' },
    ))).toEqual(['actor.name', 'post.title']);
    expect(telling(rows({ entity_id: 'light.hall', state: 'on', level: '3' }, { entity_id: 'light.desk', state: 'off', level: '3' }))).toContain('state');
  });

  it('are as many as there are', () => {
    expect(telling(rows({ text: 'hello' }))).toEqual(['text']);
    expect(telling([])).toEqual([]);
  });
});
