import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, type Message } from '@fluent/syntax';
import { describe, expect, it } from 'vitest';
import { refusal } from './backend';
import { Words } from './texts';

const noon = new Date(2026, 2, 4, 12).getTime();
const day = 86_400_000;

describe('Words', () => {
  const en = new Words('en', ['port = Port { NUMBER($port, useGrouping: "false") }\nraw = { $n } of { $what }']);
  const zh = new Words('zh-CN');

  it('speaks of feeds, notifications and settings as the notifier does', () => {
    for (const id of ['stop-not-found', 'trouble-ended', 'notification-no-daemon', 'field-url-missing', 'check-tls', 'tray-open']) {
      expect(new Words('en').text({ id, args: {} })).not.toBe(id);
      expect(new Words('zh-CN').text({ id, args: {} })).toMatch(/[\u4e00-\u9fff]/);
    }
  });

  it('shows an id that is nowhere', () => {
    expect(en.text({ id: 'from-the-future', args: {} })).toBe('from-the-future');
  });

  it('leaves numbers of the notifier ungrouped and words as they are', () => {
    expect(en.text({ id: 'port', args: { port: 23_550 } })).toBe('Port 23550');
    expect(en.text({ id: 'raw', args: { n: 23_550, what: '<b>{ $n }</b>' } })).toBe('23550 of <b>{ $n }</b>');
  });

  it('tells moments of the notifier with their day unless they are near, as Rust does', () => {
    const night = new Date(2026, 5, 3, 21, 30).getTime();
    const told = (words: Words, ...at: [number, number, number, number?, number?]): string =>
      words.text({ id: 'silenced-hours', args: { until: { moment: new Date(...at).getTime() } } }, night);
    expect(told(en, 2026, 5, 4, 8)).toBe('Kept silently, quiet hours until 08:00');
    expect(told(en, 2026, 5, 3, 0, 5)).toBe('Kept silently, quiet hours until 00:05');
    expect(told(en, 2026, 5, 4, 9, 30)).toBe('Kept silently, quiet hours until tomorrow 09:30');
    expect(told(en, 2026, 5, 2, 9)).toBe('Kept silently, quiet hours until yesterday 09:00');
    expect(told(en, 2026, 5, 5, 8)).toBe('Kept silently, quiet hours until 5 June 08:00');
    expect(told(en, 2025, 11, 31, 8)).toBe('Kept silently, quiet hours until 31 December 2025 08:00');
    expect(told(zh, 2026, 5, 5, 8)).toBe('免打扰时段至 6 月 5 日 08:00，已静默保存');
  });

  it('finds the leading words of a line of a life, and what is set in a fixed width', () => {
    const pieces = (words: Words, id: string, args = {}): string => words.pieces({ id, args }).map((piece) => `${piece.kind}:${piece.words}`).join('|');
    expect(pieces(en, 'ledger-received', { id: 10_542 })).toBe('lead:Received, stored as|rest: |code:10542');
    expect(pieces(en, 'ledger-rule-named', { number: 2, name: 'Rule 2', verdict: 'keep' })).toBe('lead:Rule 2|rest: “Rule 2” said keep');
    expect(pieces(zh, 'silenced-keep')).toBe('rest:按规则|lead:静默保存');
    expect(pieces(en, 'ledger-gap')).toBe('rest:The server said that events were lost');
  });

  it('marks words that are in the line, in every language', () => {
    const args = { id: 1, number: 2, name: 'n', verdict: 'notify', feed: 'f', until: { moment: noon }, count: 3, most: 4, seconds: 5, why: 'w' };
    const source = readFileSync(join(import.meta.dirname, '../../locales/en/core.ftl'), 'utf8');
    const marked = parse(source, {}).body.flatMap((entry) => (entry.type === 'Message' && (entry as Message).attributes.length > 0 ? [entry as Message] : []));
    expect(marked.length).toBeGreaterThan(10);
    for (const words of [en, zh]) {
      for (const { id, attributes } of marked) {
        const kinds = words.pieces({ id: id.name, args }).map(({ kind }) => kind);
        expect(kinds, id.name).toEqual(expect.arrayContaining(attributes.map((attribute) => attribute.id.name)));
      }
    }
  });

  it('puts no marks around arguments', () => {
    expect(zh.t('status-wait-one', { name: '前门' })).toBe('前门 正在重新连接');
  });

  it('names days as people do', () => {
    expect(en.moment(noon - 60_000, noon)).toBe('Today at 11:59');
    expect(en.day(noon - day, noon)).toBe('Yesterday');
    expect(en.day(noon - 3 * day, noon)).toContain('March');
    expect(en.day(noon - 400 * day, noon)).toContain('2025');
    expect(zh.moment(noon - day, noon)).toBe('昨天 12:00');
    expect(en.until(noon + 3_600_000, noon)).toBe('13:00');
    expect(en.until(noon + day, noon)).toBe('tomorrow at 12:00');
  });

  it('counts in the largest whole unit', () => {
    expect(en.ago(noon - 3_000, noon)).toBe('3 s ago');
    expect(en.ago(noon - 61_000, noon)).toBe('1 min ago');
    expect(en.ago(noon - day, noon)).toBe('1 day ago');
    expect(en.ago(noon + 5_000, noon)).toBe('0 s ago');
    expect(zh.t('status-heard', { ago: zh.ago(noon - 3_000, noon) })).toBe('3 秒前收到数据');
  });
});

describe('refusal', () => {
  it('passes a refusal on and gives anything else a sentence', () => {
    const said = { text: { id: 'x', args: {} }, fields: [] };
    expect(refusal(said)).toBe(said);
    expect(refusal(new Error('gone')).text).toEqual({ id: 'ui-error-unexpected', args: { detail: 'gone' } });
    expect(refusal('gone').text.args.detail).toBe('gone');
  });
});
