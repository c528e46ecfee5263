import { expect, it } from 'vitest';
import { pressed } from './shortcut';

const keys = (code: string, held = '', key = code): ReturnType<typeof pressed> => pressed({
  code, key, ctrlKey: held.includes('c'), altKey: held.includes('a'), shiftKey: held.includes('s'), metaKey: held.includes('m'),
});

it('takes a key with Ctrl, Alt or Super, and function keys alone', () => {
  expect(keys('KeyB', 'ca', 'b')).toEqual({ kind: 'whole', keys: 'Ctrl+Alt+B' });
  expect(keys('Digit1', 'ms', '!')).toEqual({ kind: 'whole', keys: 'Shift+Super+1' });
  expect(keys('ArrowUp', 'a')).toEqual({ kind: 'whole', keys: 'Alt+Up' });
  expect(keys('F9')).toEqual({ kind: 'whole', keys: 'F9' });
});

it('goes by the place of the key, whatever the layout makes of it', () => {
  expect(keys('KeyB', 'ca', '∫')).toEqual({ kind: 'whole', keys: 'Ctrl+Alt+B' });
});

it('waits while only modifiers are held', () => {
  expect(keys('ControlLeft', 'c', 'Control')).toEqual({ kind: 'part', keys: 'Ctrl+' });
  expect(keys('ShiftLeft', 'cs', 'Shift')).toEqual({ kind: 'part', keys: 'Ctrl+Shift+' });
});

it('refuses what people type with, and keys without a name', () => {
  expect(keys('KeyB')).toEqual({ kind: 'bare', keys: 'B' });
  expect(keys('Space', 's')).toEqual({ kind: 'bare', keys: 'Shift+Space' });
  expect(keys('MediaPlayPause', 'c')).toEqual({ kind: 'unknown' });
});
