// Elements are made and changed here. What comes from the API goes in as text and never as markup:
// the page's policy (trusted types) lets the browser refuse anything else.

/** An element; `set` are attributes, children are elements or text. */
export function make(tag, set = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(set)) {
    if (value !== undefined && value !== null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function byId(id) {
  return document.getElementById(id);
}

/** Sets text only where it differs: what a reader has selected stays selected. */
export function setText(node, text) {
  const wanted = String(text ?? "");
  if (node.textContent !== wanted) node.textContent = wanted;
}

export function setAttributes(node, values) {
  for (const [name, value] of Object.entries(values)) {
    if (value === null) node.removeAttribute(name);
    else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
  }
}

/**
 * Makes `parent` hold one element per item, in order, and keeps those that are there: focus and
 * scrolling survive. `create(item)` gives an element, `update(element, item)` brings it up to date.
 */
export function keyed(parent, items, keyOf, create, update) {
  const known = parent.slipwayKnown ?? new Map();
  const wanted = new Map();
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    const node = known.get(key) ?? create(item);
    update(node, item);
    wanted.set(key, node);
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
  }
  for (const [key, node] of known) {
    if (wanted.get(key) !== node) node.remove();
  }
  parent.slipwayKnown = wanted;
}

/** Name and value pairs as a list of facts; those without a value are left out. */
export function showFacts(list, facts) {
  const told = Object.entries(facts).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  keyed(
    list,
    told,
    ([name]) => name,
    ([name]) => make("div", {}, make("dt", {}, name), make("dd")),
    (node, [, value]) => setText(node.lastElementChild, value),
  );
}

const MARKS = { done: "✓", running: "●", waiting: "○", failed: "✕", stopped: "–", pending: "·" };

/** The sign of a state, for eyes only: the state's name stands beside it for everybody else. */
export function mark(kind) {
  return make("span", { class: `mark ${kind}`, "aria-hidden": "true" }, MARKS[kind] ?? "·");
}

export function setMark(node, kind) {
  setAttributes(node, { class: `mark ${kind}` });
  setText(node, MARKS[kind] ?? "·");
}
