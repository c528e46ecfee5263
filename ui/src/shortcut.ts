/** What pressed keys come to. */
export type Pressed =
  /** A whole shortcut: `Ctrl+Alt+B`. */
  | { kind: 'whole'; keys: string }
  /** Modifiers alone so far: `Ctrl+`. */
  | { kind: 'part'; keys: string }
  /** A key that would be taken from every other program. */
  | { kind: 'bare'; keys: string }
  /** A key that has no name here. */
  | { kind: 'unknown' };

type Keys = Pick<KeyboardEvent, 'code' | 'key' | 'ctrlKey' | 'altKey' | 'shiftKey' | 'metaKey'>;

/** By the place of the key, not by what the layout makes of it together with the modifiers. */
export function pressed(event: Keys): Pressed {
  const modifiers = [
    ...(event.ctrlKey ? ['Ctrl'] : []), ...(event.altKey ? ['Alt'] : []), ...(event.shiftKey ? ['Shift'] : []), ...(event.metaKey ? ['Super'] : []),
  ];
  if (['Control', 'Alt', 'Shift', 'Meta', 'OS', 'Super', 'AltGraph'].includes(event.key)) return { kind: 'part', keys: modifiers.map((each) => `${each}+`).join('') };
  const key = named(event.code);
  if (key === null) return { kind: 'unknown' };
  const keys = [...modifiers, key].join('+');
  const reserved = modifiers.some((each) => each !== 'Shift') || /^F\d+$/.test(key);
  return { kind: reserved ? 'whole' : 'bare', keys };
}

function named(code: string): string | null {
  const [, one] = /^Key([A-Z])$/.exec(code) ?? [];
  if (one !== undefined) return one;
  const [, digit] = /^Digit(\d)$/.exec(code) ?? [];
  if (digit !== undefined) return digit;
  if (/^F([1-9]|1\d|2[0-4])$/.test(code) || OTHERS.has(code)) return code;
  const [, arrow] = /^Arrow(Up|Down|Left|Right)$/.exec(code) ?? [];
  return arrow ?? null;
}

const OTHERS = new Set([
  'Space', 'Enter', 'Tab', 'Insert', 'Delete', 'Home', 'End', 'PageUp', 'PageDown', 'Backspace',
  'Comma', 'Period', 'Slash', 'Semicolon', 'Quote', 'BracketLeft', 'BracketRight', 'Backslash', 'Backquote', 'Minus', 'Equal',
]);
