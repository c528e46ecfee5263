import type { AccessForm, ConnectionForm, FeedForm, GeneralForm, NotificationForm, SecretForm } from './bindings';

export type AccessKind = AccessForm['kind'];
export const ACCESS_KINDS: readonly AccessKind[] = ['none', 'bearer', 'basic', 'query', 'cookie'];

/** A connection where nothing is set. */
export const usualConnection = (): ConnectionForm => ({
  resume: { kind: 'preset' }, history: false, poll_seconds: 0, proxy: '', ca: '', pin: '', certificate: '', key: '', plain_http: false,
});

/** A feed that is being added. */
export const blankFeed = (): FeedForm => ({
  id: '', name: '', url: '', preset: '', enabled: true, muted: false, access: { kind: 'none' },
  headers: [], stop_on: [], watchdog_seconds: 0, rules: [], connection: usualConnection(),
  notification: usualNotification(), keep_days: null,
});

/** Access of a kind: the stored one if that is of this kind, else one without a secret yet. */
export function accessOf(kind: AccessKind, stored: AccessForm | undefined): AccessForm {
  if (stored?.kind === kind) return structuredClone(stored);
  const secret: SecretForm = { kind: 'entered', value: '' };
  switch (kind) {
    case 'none': return { kind };
    case 'bearer': return { kind, token: secret };
    case 'basic': return { kind, username: '', password: secret };
    case 'query': case 'cookie': return { kind, name: '', value: secret };
  }
}

export function secretOf(access: AccessForm): SecretForm | null {
  switch (access.kind) {
    case 'none': return null;
    case 'bearer': return access.token;
    case 'basic': return access.password;
    case 'query': case 'cookie': return access.value;
  }
}

/** The form without what is still being written: the stored part stays in its place. */
export function ready(form: FeedForm, stored: FeedForm): FeedForm {
  return {
    ...form,
    access: accessWritten(form.access) ? form.access : stored.access,
    headers: headersWritten(form) ? form.headers : stored.headers,
    notification: soundWritten(form) ? form.notification : { ...form.notification, sound: stored.notification.sound },
    connection: { ...form.connection, resume: resumeWritten(form) ? form.connection.resume : stored.connection.resume },
  };
}

/** The form for judging events by: how the feed connects changes nothing, and may be half written. */
export function judging(form: FeedForm): FeedForm {
  const { id, name, preset, rules, notification } = form;
  const url = /^https?:$/.test(address(form.url)?.protocol ?? '') ? form.url : 'http://localhost/';
  return { ...blankFeed(), id, name, url, preset, rules, notification: { ...notification, sound: { kind: 'system' } } };
}

/** Nothing in the form is still being written. */
export const written = (form: FeedForm): boolean => accessWritten(form.access) && headersWritten(form) && resumeWritten(form) && soundWritten(form);

const given = (secret: SecretForm): boolean =>
  !(secret.kind === 'entered' && secret.value === '') && !(secret.kind === 'command' && secret.command === '');

/** Nothing of the access is missing. */
export function accessWritten(access: AccessForm): boolean {
  const secret = secretOf(access);
  return (secret === null || given(secret)) && !('name' in access && access.name.trim() === '');
}

const headersWritten = ({ headers }: FeedForm): boolean => headers.every(({ name, value }) => name.trim() !== '' && given(value));

const soundWritten = ({ notification: { sound } }: FeedForm): boolean => sound.kind !== 'named' || sound.name.trim() !== '';

function resumeWritten({ connection: { resume } }: FeedForm): boolean {
  if (resume.kind === 'query') return resume.name.trim() !== '';
  if (resume.kind === 'field') return resume.field.trim() !== '' && resume.name.trim() !== '';
  return true;
}

/** Something that only the advanced part of the editor shows is set. */
export function advanced({ connection: c, stop_on, watchdog_seconds }: FeedForm): boolean {
  return watchdog_seconds > 0 || stop_on.length > 0 || c.resume.kind !== 'preset' || c.poll_seconds > 0
    || [c.proxy, c.ca, c.pin, c.certificate, c.key].some((each) => each !== '');
}

export function address(url: string): URL | null {
  try {
    return new URL(url.trim());
  } catch {
    return null;
  }
}

/** Something secret would leave this computer over plain http. */
export function unencrypted(form: FeedForm): boolean {
  const url = address(form.url);
  if (url?.protocol !== 'http:') return false;
  const host = url.hostname;
  if (host === 'localhost' || host.endsWith('.localhost') || host.startsWith('127.') || host === '[::1]') return false;
  return form.access.kind !== 'none' || form.headers.some(({ name }) => name.trim() !== '');
}

/** The general settings of a new installation. */
export function usualGeneral(): GeneralForm {
  return {
    language: 'auto', theme: 'system', keep_days: 90, hide_content: false, sound: { kind: 'system' },
    quiet: { on: false, hours: [], breakthrough: 'urgent', follow_system: true },
    tray_count: false, proxy: '', shortcut: '', window_minutes: 2,
  };
}

/** A feed's notifications as they usually are. */
export function usualNotification(): NotificationForm {
  return { sound: { kind: 'system' }, hide_content: false, remote_icons: false, http_actions: false };
}
