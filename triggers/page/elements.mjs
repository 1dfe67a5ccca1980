// Creates and changes elements. What comes from the API goes in as text and never as markup: the page's
// policy (trusted types) lets the browser refuse anything else.
import { SIGNS } from "./looks.mjs";

/** @import { Look, Value } from "./types.d.ts" */

/** The children that `keyed` made, by the element that holds them. */
const children = new WeakMap();

/**
 * Creates an element. Attributes without a value are left out.
 * @param {string} tag
 * @param {Record<string, Value>} attributes
 * @param {(Element | string)[]} content
 */
export function make(tag, attributes = {}, ...content) {
  const made = document.createElement(tag);
  setAttributes(made, attributes);
  made.append(...content);
  return made;
}

/**
 * The element of the document with this id.
 * @param {string} id
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the document has no element "${id}"`);
  return found;
}

/**
 * The element's child at that place; `-1` is the last.
 * @param {Element} node
 * @param {number} place
 */
export function childOf(node, place) {
  const found = [...node.children].at(place);
  if (!(found instanceof HTMLElement)) throw new Error(`<${node.tagName}> has no child ${place}`);
  return found;
}

/**
 * Sets text only where it differs: what a reader has selected stays selected.
 * @param {Element} node
 * @param {Value} text
 */
export function setText(node, text) {
  const wanted = String(text ?? "");
  if (node.textContent !== wanted) node.textContent = wanted;
}

/**
 * Sets attributes; null removes one.
 * @param {Element} node
 * @param {Record<string, Value>} values
 */
export function setAttributes(node, values) {
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === undefined) node.removeAttribute(name);
    else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
  }
}

/**
 * Makes `parent` hold one element per item, in order, and keeps the elements that are there, so that
 * focus and scrolling survive. Items of the same key get elements of their own.
 * @template T
 * @param {Element} parent
 * @param {T[]} items
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => HTMLElement} create
 * @param {(node: HTMLElement, item: T) => void} update
 */
export function keyed(parent, items, keyOf, create, update) {
  /** @type {Map<string, HTMLElement>} */
  const known = children.get(parent) ?? new Map();
  /** @type {Map<string, HTMLElement>} */
  const wanted = new Map();
  let place = parent.firstElementChild;
  for (const item of items) {
    let key = keyOf(item);
    while (wanted.has(key)) key += "\0";
    const node = known.get(key) ?? create(item);
    update(node, item);
    wanted.set(key, node);
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
  }
  for (const [key, node] of known) {
    if (wanted.get(key) !== node) node.remove();
  }
  children.set(parent, wanted);
}

/**
 * Shows names and values as a description list; a name without a value is left out.
 * @param {Element} list
 * @param {Record<string, Value>} facts
 */
export function showFacts(list, facts) {
  const shown = Object.entries(facts).filter(([, value]) => value !== "" && value != null);
  keyed(
    list,
    shown,
    ([name]) => name,
    ([name]) => make("div", {}, make("dt", {}, name), make("dd")),
    (node, [, value]) => setText(childOf(node, -1), value),
  );
}

/**
 * The sign of a state, for eyes only: the state's name stands beside it for everybody else.
 * @param {Look} look
 */
export function makeSign(look) {
  return make("span", { class: `mark ${look}`, "aria-hidden": "true" }, SIGNS[look]);
}

/**
 * @param {Element} node
 * @param {Look} look
 */
export function setSign(node, look) {
  setAttributes(node, { class: `mark ${look}` });
  setText(node, SIGNS[look]);
}
