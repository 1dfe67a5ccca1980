import { ApiError } from "./api.mjs";

// Asks again and again: soon while a run goes on, seldom after it, ever later while nobody answers,
// and not at all while nobody looks.

const LONGEST = 60;

export class Poller {
  #look;
  #trouble;
  #failed = 0;
  #timer = 0;
  #active = false;
  #busy = false;
  #session = 0;

  /**
   * `look(isCurrent)` asks and shows; it gives the seconds until the next time. What it was told for
   * a session that is over (`isCurrent()` is false) it leaves alone. `trouble(error, seconds)` is told
   * of a failure and of the pause after it; it gives false to end the asking.
   */
  constructor(look, trouble) {
    this.#look = look;
    this.#trouble = trouble;
    document.addEventListener("visibilitychange", () => this.#seen());
  }

  start() {
    this.#session += 1;
    this.#active = true;
    this.#busy = false;
    this.#failed = 0;
    this.#after(0);
  }

  stop() {
    this.#session += 1;
    this.#active = false;
    clearTimeout(this.#timer);
  }

  #seen() {
    if (document.hidden) clearTimeout(this.#timer);
    else if (this.#active && !this.#busy) this.#after(0);
  }

  #after(pause) {
    clearTimeout(this.#timer);
    if (!this.#active || document.hidden) return; // it goes on once the page is seen again
    this.#timer = setTimeout(() => this.#once(), pause * 1000);
  }

  async #once() {
    if (this.#busy) return;
    this.#busy = true;
    const session = this.#session;
    const isCurrent = () => session === this.#session;
    let pause;
    try {
      pause = await this.#look(isCurrent);
      if (!isCurrent()) return; // another session has its own timer
      this.#failed = 0;
    } catch (error) {
      if (!isCurrent()) return;
      this.#failed += 1;
      pause = backOff(this.#failed, error instanceof ApiError ? error.after : null);
      if (!this.#trouble(error, pause)) this.stop();
    }
    this.#busy = false;
    this.#after(pause);
  }
}

/** Doubles with each failure; with a share of chance, so that many pages do not come back at once. */
function backOff(failures, asked) {
  const doubled = Math.min(LONGEST, 2 ** Math.min(failures, 6));
  return Math.min(LONGEST, Math.max(asked ?? 0, doubled * (0.75 + Math.random() / 2)));
}
