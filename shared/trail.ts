/** As many wait for a connection; of more the oldest go. */
const MOST_WAITING = 64;

/** Facts that hold from a media time on until the next: those not sent yet, and the last, which is said again on each connection. */
export class Trail<T> {
  #waiting: T[] = [];
  #last: T | null = null;

  add(fact: T): void {
    this.#last = fact;
    this.#waiting.push(fact);
    if (this.#waiting.length > MOST_WAITING) this.#waiting.shift();
  }

  /** Another server, or the same after a crash, may not know the last one. */
  again(): void {
    if (this.#waiting.length === 0 && this.#last !== null) this.#waiting.push(this.#last);
  }

  take(): T[] {
    return this.#waiting.splice(0);
  }
}
