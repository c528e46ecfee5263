import type { SendTo, SubscriberView, TokenView } from './bindings';

type Names = Pick<SubscriberView, 'uids' | 'topics'>;

/** The users and topics that somebody listens as, each once. */
export function names(listening: readonly Names[]): { users: string[]; topics: string[] } {
  const sorted = (all: string[]): string[] => [...new Set(all)].sort((a, b) => a.localeCompare(b));
  return { users: sorted(listening.flatMap((one) => one.uids)), topics: sorted(listening.flatMap((one) => one.topics)) };
}

/** How many people a publication reaches now: somebody with two devices is one. */
export function reaches(listening: readonly (Names & Pick<SubscriberView, 'id'>)[], to: SendTo): number {
  const meant = listening.filter((one) => to.kind === 'everyone'
    || (to.kind === 'user' ? one.uids.includes(to.uid) : one.topics.includes(to.topic)));
  if (to.kind === 'user') return meant.length > 0 ? 1 : 0;
  return new Set(meant.map((one) => (one.uids.length > 0 ? `u${one.uids.join(' ')}` : `s${one.id}`))).size;
}

/** The text that says what a token may do: `r`, `w` and `a`, as far as it may. */
export function may(token: Pick<TokenView, 'read' | 'write' | 'admin'>): string {
  return `${token.read ? 'r' : ''}${token.write ? 'w' : ''}${token.admin ? 'a' : ''}` || 'none';
}
