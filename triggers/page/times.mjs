// Times of the API are UTC in ISO 8601; here they are seconds since 1970, and shown in UTC, as the
// logs and the messages in Slack have them.

/** Seconds; null where there is no time. Python's `isoformat` and the journal's `Z` both work. */
export function seconds(text) {
  const found = text ? Date.parse(text) : NaN;
  return Number.isNaN(found) ? null : found / 1000;
}

/** `8 s`, `2 min 05 s`, `1 h 04 min`. */
export function duration(length) {
  if (length === null || length === undefined) return "";
  const whole = Math.max(0, Math.round(length));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${pad(whole % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
}

/** `0:08`, `2:05`, `1:04:00`: short, for columns. */
export function stopwatch(length) {
  if (length === null || length === undefined) return "";
  const whole = Math.max(0, Math.round(length));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return `${hours ? `${hours}:${pad(minutes)}` : minutes}:${pad(whole % 60)}`;
}

export function timeOfDay(text) {
  return (text ?? "").slice(11, 19);
}

export function dateAndTime(text) {
  return text ? `${text.slice(0, 10)} ${timeOfDay(text)} UTC` : "";
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];

/** The distance of an axis' ticks: the smallest round one that gives at most so many. */
export function tickStep(length, most) {
  return STEPS.find((step) => length / step <= most) ?? Math.ceil(length / most / 86400) * 86400;
}

function pad(number) {
  return String(number).padStart(2, "0");
}

/** The server's clock: this machine's may be wrong, and a running bar must not jump for it. */
export class ServerClock {
  #ahead = 0;

  /** `date`: a response's header, in whole seconds. */
  heard(date) {
    const told = seconds(date);
    const ahead = told === null ? 0 : told - Date.now() / 1000;
    this.#ahead = Math.abs(ahead) > 2 ? ahead : 0;
  }

  now() {
    return Date.now() / 1000 + this.#ahead;
  }
}
