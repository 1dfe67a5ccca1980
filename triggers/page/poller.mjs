// Polls: soon while a run goes on, seldom after it, ever later while the API does not answer, and not
// at all while the page is hidden.
import { ApiError } from "./api.mjs";

const LONGEST = 60;

/** @import { OnError, Poll } from "./types.d.ts" */

export class Poller {
  #poll;
  #onError;
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #active = false;
  #busy = false;
  #session = 0;

  /**
   * @param {Poll} poll
   * @param {OnError} onError
   */
  constructor(poll, onError) {
    this.#poll = poll;
    this.#onError = onError;
    document.addEventListener("visibilitychange", () => this.#visibilityChanged());
  }

  start() {
    this.#session += 1;
    this.#active = true;
    this.#busy = false;
    this.#failures = 0;
    this.#schedule(0);
  }

  stop() {
    this.#session += 1;
    this.#active = false;
    clearTimeout(this.#timer);
  }

  #visibilityChanged() {
    if (document.hidden) clearTimeout(this.#timer);
    else if (this.#active && !this.#busy) this.#schedule(0);
  }

  /** @param {number} pause */
  #schedule(pause) {
    clearTimeout(this.#timer);
    if (!this.#active || document.hidden) return; // it goes on once the page is visible again
    this.#timer = setTimeout(() => this.#once(), pause * 1000);
  }

  async #once() {
    if (this.#busy) return;
    this.#busy = true;
    const session = this.#session;
    const isCurrent = () => session === this.#session;
    let pause;
    try {
      pause = await this.#poll(isCurrent);
      if (!isCurrent()) return; // another session has its own timer
      this.#failures = 0;
    } catch (error) {
      if (!isCurrent()) return;
      this.#failures += 1;
      pause = backOff(this.#failures, error instanceof ApiError ? error.after : null);
      if (!this.#onError(error, pause)) this.stop();
    }
    this.#busy = false;
    this.#schedule(pause);
  }
}

/**
 * The seconds to wait after so many failures: doubled each time, and random by a quarter, so that many
 * pages do not come back at once.
 * @param {number} failures
 * @param {number | null} asked the seconds that the API asked for
 */
export function backOff(failures, asked) {
  const doubled = Math.min(LONGEST, 2 ** Math.min(failures, 6));
  return Math.min(LONGEST, Math.max(asked ?? 0, doubled * (0.75 + Math.random() / 2)));
}
