import { make, setAttributes, setText } from "./elements.mjs";
import { timeOfDay } from "./times.mjs";

// A long list of which only what is seen is in the document: rows of one height are moved about.

const HEIGHT = 26; // as in events.css
const SPARE = 6;
const SAID = { info: "", warning: "!", error: "✕" };

export class Rows {
  #box;
  #inner;
  #pool = [];
  #events = [];
  #chosen = null;
  #frame = 0;

  /** `box` scrolls, its only child is as high as all rows are. */
  constructor(box) {
    this.#box = box;
    this.#inner = box.firstElementChild;
    box.addEventListener("scroll", () => this.#soon(), { passive: true });
    new ResizeObserver(() => this.#soon()).observe(box);
  }

  get events() {
    return this.#events;
  }

  get atEnd() {
    return this.#box.scrollTop + this.#box.clientHeight >= this.#inner.offsetHeight - 2 * HEIGHT;
  }

  show(events) {
    this.#events = events;
    // Rows that are hidden keep what they told: of no events nothing is left.
    if (events.length === 0) this.#pool.splice(0).forEach((row) => row.remove());
    this.#inner.style.setProperty("height", `${events.length * HEIGHT}px`);
    this.#draw();
  }

  choose(seq) {
    this.#chosen = seq;
    this.#draw();
  }

  toEnd() {
    this.#box.scrollTop = this.#inner.offsetHeight;
    this.#draw();
  }

  /** Brings a row into sight, by its place. */
  reveal(place) {
    const top = place * HEIGHT;
    const { scrollTop, clientHeight } = this.#box;
    if (top < scrollTop) this.#box.scrollTop = top;
    else if (top + HEIGHT > scrollTop + clientHeight) this.#box.scrollTop = top + HEIGHT - clientHeight;
    this.#draw();
  }

  /** So many rows are seen at once. */
  get page() {
    return Math.max(1, Math.floor(this.#box.clientHeight / HEIGHT) - 1);
  }

  #soon() {
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const first = Math.max(0, Math.floor(this.#box.scrollTop / HEIGHT) - SPARE);
    const count = Math.ceil(this.#box.clientHeight / HEIGHT) + 2 * SPARE;
    const seen = this.#events.slice(first, first + count);
    while (this.#pool.length < seen.length) this.#pool.push(this.#inner.appendChild(makeRow()));
    this.#pool.forEach((row, place) => {
      row.hidden = place >= seen.length;
      if (!row.hidden) this.#fill(row, seen[place], first + place);
      else row.removeAttribute("id");
    });
    const there = seen.some((event) => event.seq === this.#chosen);
    setAttributes(this.#box, { "aria-activedescendant": there ? `event-${this.#chosen}` : null });
  }

  #fill(row, event, place) {
    const [time, sign, phase, said] = row.children;
    row.style.setProperty("top", `${place * HEIGHT}px`);
    row.dataset.place = place;
    setAttributes(row, {
      id: `event-${event.seq}`,
      class: `event ${event.level}`,
      "aria-setsize": this.#events.length,
      "aria-posinset": place + 1,
      "aria-selected": String(event.seq === this.#chosen),
    });
    setText(time, timeOfDay(event.time));
    setText(sign.firstElementChild, SAID[event.level] ?? "");
    setText(sign.lastElementChild, event.level === "info" ? "" : event.level);
    setText(phase, event.phase);
    setText(said.firstElementChild, event.node);
    said.firstElementChild.hidden = !event.node;
    setText(said.lastElementChild, event.text);
  }
}

function makeRow() {
  const sign = make("span", {}, make("span", { "aria-hidden": "true" }), make("span", { class: "unseen" }));
  const said = make("span", {}, make("b"), make("span"));
  return make("div", { role: "option" }, make("span"), sign, make("span"), said);
}
