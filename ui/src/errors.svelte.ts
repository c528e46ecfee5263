import { getContext, setContext, untrack } from 'svelte';
import { SvelteMap } from 'svelte/reactivity';
import type { FieldError, Refusal, Text } from './bindings';

/** What the notifier said against a form: each error below its field, the rest above the form. */
export class FormErrors {
  refusal = $state.raw<Refusal | null>(null);
  /** What is wrong with the form as it stands, before it was given. */
  live = $state.raw<readonly FieldError[]>([]);
  #claims = new SvelteMap<string, number>();

  /** The error of one field. */
  of(field: string): Text | undefined {
    return (this.refusal?.fields.find((error) => error.field === field) ?? this.live.find((error) => error.field === field))?.text;
  }

  /** Errors of fields that the form does not show. */
  get unplaced(): FieldError[] {
    return this.refusal?.fields.filter((error) => !this.#claims.has(error.field)) ?? [];
  }

  /** The form shows this field until the returned function is called. */
  claim(field: string): () => void {
    const count = (by: number): void => untrack(() => {
      const left = (this.#claims.get(field) ?? 0) + by;
      if (left > 0) this.#claims.set(field, left);
      else this.#claims.delete(field);
    });
    count(1);
    return () => count(-1);
  }
}

const KEY = Symbol('form errors');

/** The errors that the fields of this component's form look up. */
export function provideErrors(errors: FormErrors): FormErrors { return setContext(KEY, errors); }
export function formErrors(): FormErrors { return getContext(KEY); }
