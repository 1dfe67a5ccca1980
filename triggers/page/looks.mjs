// How states look: each has one of six looks, which is a sign, a colour and a CSS class. A state that
// is not in a table looks as pending, and its own text is shown beside the sign.

/** @import { Level, Look } from "./types.d.ts" */
/** @typedef {Readonly<Record<string, Look>>} Looks */

/** @type {Looks} */
export const CLUSTER_LOOKS = {
  running: "running",
  deleting: "running",
  ready: "done",
  degraded: "waiting",
  failed: "failed",
  cancelled: "stopped",
  deleted: "stopped",
  pending: "pending",
  suspended: "stopped",
  unreadable: "failed",
};

/** @type {Looks} */
export const OPERATION_LOOKS = {
  pending: "pending",
  running: "running",
  suspended: "stopped",
  succeeded: "done",
  failed: "failed",
  cancelled: "stopped",
  unknown: "pending",
};

/** @type {Looks} */
export const PHASE_LOOKS = {
  pending: "pending",
  running: "running",
  done: "done",
  failed: "failed",
  cancelled: "stopped",
};

/**
 * Of deployments and play stages.
 * @type {Looks}
 */
export const BAR_LOOKS = {
  running: "running",
  done: "done",
  failed: "failed",
  stopped: "stopped",
};

/** @type {Looks} */
export const NODE_LOOKS = {
  ready: "done",
  failed: "failed",
  silent: "failed",
  waiting: "waiting",
  deploying: "running",
  removing: "stopped",
  planned: "pending",
};

/**
 * Of an event, from information to the worst: a sign and a CSS class.
 * @type {Readonly<Record<"info" | "warning" | "error", Level>>}
 */
export const LEVELS = {
  info: { severity: 0, sign: "", look: "" },
  warning: { severity: 1, sign: "!", look: "warning" },
  error: { severity: 2, sign: "✕", look: "error" },
};

/** @type {Readonly<Record<Look, string>>} */
export const SIGNS = {
  done: "✓",
  running: "●",
  waiting: "○",
  failed: "✕",
  stopped: "–",
  pending: "·",
};

/**
 * @param {Looks} looks
 * @param {string} state
 * @returns {Look}
 */
export function lookOf(looks, state) {
  return lookUp(looks, state, "pending");
}

/**
 * An unknown level is information.
 * @param {string} level
 * @returns {Level}
 */
export function levelOf(level) {
  return lookUp(LEVELS, level, LEVELS.info);
}

/**
 * The table's value for a text from the API, which may be `constructor` or `__proto__`.
 * @template T
 * @param {Readonly<Record<string, T>>} table
 * @param {string} key
 * @param {T} otherwise
 * @returns {T}
 */
export function lookUp(table, key, otherwise) {
  return Object.hasOwn(table, key) ? /** @type {T} */ (table[key]) : otherwise;
}
