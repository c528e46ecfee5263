import { describe, expect, it } from 'vitest';
import { rank, type Command } from './commands';

const command = (id: string, label: string): Command => ({ id, label, icon: 'bell', act: () => undefined });
const ALL = [command('all', 'Go to All'), command('read', 'Mark all read'), command('hub', 'Go to Hub'), command('mute-1', 'Mute Front door for 1 hour'), command('theme-dark', '深色外观')];
const found = (query: string): string[] => rank(ALL, query).map(({ id }) => id);

describe('rank', () => {
  it('leaves all as they are without a query', () => expect(found('  ')).toEqual(ALL.map(({ id }) => id)));
  it('puts words that begin with it first', () => {
    expect(found('mar')[0]).toBe('read');
    expect(found('hub')[0]).toBe('hub');
    expect(found('mute door')).toEqual(['mute-1']);
  });
  it('takes initials, and letters that are left out', () => {
    expect(found('gth')[0]).toBe('hub');
    expect(found('mfd1h')).toEqual(['mute-1']);
  });
  it('knows commands by their own name in every language', () => {
    expect(found('dark')[0]).toBe('theme-dark');
    expect(found('深外')).toEqual(['theme-dark']);
  });
  it('finds nothing in letters out of order', () => expect(found('zzz')).toEqual([]));
});
