// The API's times are UTC in ISO 8601. Here they are seconds since 1970. They are shown in UTC, as in
// the logs and the messages in Slack.

/**
 * Seconds since 1970; null without a valid time. Reads Python's `+00:00` and `Z`.
 * @param {string | null | undefined} text
 */
export function seconds(text) {
  const found = text ? Date.parse(text) : Number.NaN;
  return Number.isNaN(found) ? null : found / 1000;
}

/**
 * `8 s`, `2 min 05 s`, `1 h 04 min`.
 * @param {number} length
 */
export function duration(length) {
  const whole = Math.max(0, Math.round(length));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${pad(whole % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
}

/**
 * `0:08`, `2:05`, `1:04:00`: short, for columns.
 * @param {number} length
 */
export function stopwatch(length) {
  const whole = Math.max(0, Math.round(length));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return `${hours ? `${hours}:${pad(minutes)}` : minutes}:${pad(whole % 60)}`;
}

/**
 * `13:37:00`, in UTC; empty without a valid time.
 * @param {string | null} text
 */
export function timeOfDay(text) {
  return utc(text).slice(11, 19);
}

/**
 * `2026-11-24 13:37:00 UTC`; empty without a valid time.
 * @param {string | null} text
 */
export function dateAndTime(text) {
  const found = utc(text);
  return found ? `${found.slice(0, 10)} ${found.slice(11, 19)} UTC` : "";
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];

/**
 * The distance between the ticks of an axis: the smallest round one that gives at most so many.
 * @param {number} length
 * @param {number} most
 */
export function tickStep(length, most) {
  return STEPS.find((step) => length / step <= most) ?? Math.ceil(length / most / 86400) * 86400;
}

/** The server's clock. This machine's may be wrong, and a running bar must not jump for it. */
export class ServerClock {
  #ahead = 0;

  /**
   * Sets the clock by a response.
   * @param {string | null} date its header, in whole seconds
   */
  observe(date) {
    const time = seconds(date);
    const ahead = time === null ? 0 : time - Date.now() / 1000;
    this.#ahead = Math.abs(ahead) > 2 ? ahead : 0;
  }

  now() {
    return Date.now() / 1000 + this.#ahead;
  }
}

/** @param {string | null} text */
function utc(text) {
  const found = seconds(text);
  return found === null ? "" : new Date(found * 1000).toISOString();
}

/** @param {number} number */
function pad(number) {
  return String(number).padStart(2, "0");
}
