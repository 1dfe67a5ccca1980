// Values of a JSON document, read leniently: a value of another type becomes a default.

/** @import { Fields } from "./types.d.ts" */

/**
 * Whether the value is a JSON object.
 * @param {unknown} value
 */
export function isDocument(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * The fields of an object; none of anything else.
 * @param {unknown} value
 * @returns {Fields}
 */
export function fields(value) {
  return isDocument(value) ? /** @type {Fields} */ (value) : {};
}

/**
 * The objects of a list; what is no object is left out.
 * @param {unknown} value
 * @returns {Fields[]}
 */
export function list(value) {
  return Array.isArray(value) ? value.filter(isDocument) : [];
}

/**
 * The texts of a list; what is no text is left out.
 * @param {unknown} value
 */
export function texts(value) {
  return Array.isArray(value) ? value.map(text).filter(Boolean) : [];
}

/**
 * A text, or a number as a text; empty for anything else.
 * @param {unknown} value
 */
export function text(value) {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

/**
 * A number; null for anything else.
 * @param {unknown} value
 */
export function number(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/**
 * A whole number from 0 to 100; null for what is no number.
 * @param {unknown} value
 */
export function percentage(value) {
  const found = number(value);
  return found === null ? null : Math.min(100, Math.max(0, Math.trunc(found)));
}

/**
 * A valid time as it was written; null for anything else.
 * @param {unknown} value
 */
export function time(value) {
  return typeof value === "string" && !Number.isNaN(Date.parse(value)) ? value : null;
}
