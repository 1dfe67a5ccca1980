// A long list of which only the visible rows are in the document: rows of one height are moved about.
import { childOf, make, setAttributes, setText } from "./elements.mjs";
import { levelOf } from "./looks.mjs";
import { eventText } from "./texts.mjs";
import { timeOfDay } from "./times.mjs";

/** @import { RunEvent } from "./types.d.ts" */

const HEIGHT = 26; // as in events.css
const SPARE = 6; // rows above and below the visible ones

export class Rows {
  #box;
  #inner;
  /** @type {HTMLElement[]} */
  #pool = [];
  /** @type {RunEvent[]} */
  #events = [];
  /** @type {number | null} */
  #chosen = null;
  #frame = 0;

  /** @param {HTMLElement} box scrolls; its only child is as high as all rows together */
  constructor(box) {
    this.#box = box;
    this.#inner = childOf(box, 0);
    box.addEventListener("scroll", () => this.#drawSoon(), { passive: true });
    new ResizeObserver(() => this.#drawSoon()).observe(box);
  }

  get events() {
    return this.#events;
  }

  get atEnd() {
    const { scrollTop, clientHeight } = this.#box;
    return scrollTop + clientHeight >= this.#inner.offsetHeight - 2 * HEIGHT;
  }

  /** @param {RunEvent[]} events */
  show(events) {
    this.#events = events;
    // Hidden rows keep their texts: without events, nothing of them may be left.
    if (events.length === 0) for (const row of this.#pool.splice(0)) row.remove();
    this.#inner.style.setProperty("height", `${events.length * HEIGHT}px`);
    this.#draw();
  }

  /** @param {number | null} seq */
  choose(seq) {
    this.#chosen = seq;
    this.#draw();
  }

  toEnd() {
    this.#box.scrollTop = this.#inner.offsetHeight;
    this.#draw();
  }

  /**
   * Scrolls until the row at that place is visible.
   * @param {number} place
   */
  reveal(place) {
    const top = place * HEIGHT;
    const { scrollTop, clientHeight } = this.#box;
    if (top < scrollTop) this.#box.scrollTop = top;
    else if (top + HEIGHT > scrollTop + clientHeight) {
      this.#box.scrollTop = top + HEIGHT - clientHeight;
    }
    this.#draw();
  }

  /** So many rows are visible at once. */
  get page() {
    return Math.max(1, Math.floor(this.#box.clientHeight / HEIGHT) - 1);
  }

  #drawSoon() {
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const first = Math.max(0, Math.floor(this.#box.scrollTop / HEIGHT) - SPARE);
    const count = Math.ceil(this.#box.clientHeight / HEIGHT) + 2 * SPARE;
    const visible = this.#events.slice(first, first + count);
    while (this.#pool.length < visible.length) {
      this.#pool.push(this.#inner.appendChild(makeRow()));
    }
    this.#pool.forEach((row, place) => {
      const event = visible[place];
      row.hidden = !event;
      if (event) this.#fill(row, event, first + place);
      else row.removeAttribute("id");
    });
    const active = visible.some((event) => event.seq === this.#chosen);
    setAttributes(this.#box, {
      "aria-activedescendant": active ? `event-${this.#chosen}` : null,
    });
  }

  /**
   * @param {HTMLElement} row
   * @param {RunEvent} event
   * @param {number} place
   */
  #fill(row, event, place) {
    const level = levelOf(event.level);
    row.style.setProperty("top", `${place * HEIGHT}px`);
    row.dataset.place = String(place);
    setAttributes(row, {
      id: `event-${event.seq}`,
      class: `event ${level.look}`,
      "aria-setsize": this.#events.length,
      "aria-posinset": place + 1,
      "aria-selected": String(event.seq === this.#chosen),
    });
    setText(childOf(row, 0), timeOfDay(event.time));
    const sign = childOf(row, 1);
    setText(childOf(sign, 0), level.sign);
    setText(childOf(sign, 1), event.level === "info" ? "" : event.level);
    setText(childOf(row, 2), event.phase);
    const words = childOf(row, 3);
    const node = childOf(words, 0);
    setText(node, event.node);
    node.hidden = !event.node;
    setText(childOf(words, 1), eventText(event));
  }
}

function makeRow() {
  const hidden = make("span", { class: "visually-hidden" });
  const sign = make("span", {}, make("span", { "aria-hidden": "true" }), hidden);
  const words = make("span", {}, make("b"), make("span"));
  return make("div", { role: "option" }, make("span"), sign, make("span"), words);
}
