// What is wrong with a recording at the moment, one of each kind; the newest is shown.
import type { ClientClock } from '../../shared/connection.ts';
import type { Trouble } from '../view.ts';

export class Troubles {
  readonly #clock: ClientClock;
  readonly #onChange: (fresh: Trouble | null) => void;
  readonly #troubles = new Map<string, Trouble>();

  /** `onChange`: a new one came (`fresh`), or one went (null). */
  constructor(clock: ClientClock, onChange: (fresh: Trouble | null) => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  get latest(): Trouble | null {
    return [...this.#troubles.values()].at(-1) ?? null;
  }

  /** null: it is over */
  set(code: string, message: string | null): void {
    if (message === null) {
      if (this.#troubles.delete(code)) this.#onChange(null);
      return;
    }
    const before = this.#troubles.get(code);
    const trouble = { code, message, at: before?.at ?? this.#clock.now() };
    this.#troubles.delete(code);
    this.#troubles.set(code, trouble);
    this.#onChange(before ? null : trouble);
  }
}
