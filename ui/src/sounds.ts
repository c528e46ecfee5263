/** Sounds that desktops have, by their names in the sound naming specification. Each has a text `sound-` and its name. */
export const SOUNDS = ['message-new-instant', 'bell', 'complete', 'dialog-information', 'dialog-warning', 'alarm-clock-elapsed', 'phone-incoming-call'] as const;
