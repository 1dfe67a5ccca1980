import { byId, keyed, make, setText, showFacts } from "./elements.mjs";
import { Rows } from "./rows.mjs";
import { dateAndTime } from "./times.mjs";

// The run's events: filtered, followed while their end is in sight, and one of them told in full.

const LEVELS = { "": 0, warning: 1, error: 2 };
const WEIGHT = { info: 0, warning: 1, error: 2 };

export class Events {
  #all = [];
  #rows = new Rows(byId("events"));
  #chosen = null;

  constructor() {
    byId("events").addEventListener("keydown", (event) => this.#key(event));
    byId("events").addEventListener("click", (event) => this.#click(event));
    byId("events").addEventListener("scroll", () => this.#offerLatest(), { passive: true });
    byId("filters").addEventListener("input", () => this.#filter(true));
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    byId("latest").addEventListener("click", () => this.#follow());
    byId("event").append(make("dl", { class: "facts" }), make("pre", { tabindex: "0", role: "region", "aria-label": "Its text" }));
  }

  /** The number of the last one; the API is asked for those after it. */
  get last() {
    return this.#all.at(-1)?.seq ?? 0;
  }

  clear() {
    this.#all = [];
    this.#choose(null);
    this.#offerPhases();
    this.#filter(false);
  }

  /** Of who looked at them, too: what was looked for. */
  forget() {
    byId("filters").reset();
    this.clear();
  }

  /** Those that are known already are left out: an answer may come twice. */
  add(events) {
    const fresh = events.filter((event) => event.seq > this.last);
    if (fresh.length === 0) return;
    const follows = this.#rows.atEnd;
    for (const event of fresh) {
      event.search = `${event.node} ${event.task} ${event.text}`.toLowerCase();
      this.#all.push(event);
    }
    this.#offerPhases();
    this.#filter(false);
    if (follows) this.#rows.toEnd();
    this.#offerLatest();
  }

  /** Only those that name it. */
  search(text) {
    byId("filter-text").value = text;
    this.#filter(true);
    byId("events").focus();
    byId("events-title").scrollIntoView({ block: "start" });
  }

  #filter(asked) {
    const text = byId("filter-text").value.trim().toLowerCase();
    const level = LEVELS[byId("filter-level").value];
    const phase = byId("filter-phase").value;
    const found = this.#all.filter(
      (event) => (WEIGHT[event.level] ?? 0) >= level && (!phase || event.phase === phase) && event.search.includes(text),
    );
    this.#rows.show(found);
    if (asked) this.#rows.toEnd();
    byId("events-none").hidden = found.length > 0 || this.#all.length === 0;
    const all = this.#all.length.toLocaleString("en");
    setText(byId("events-count"), found.length === this.#all.length ? all : `${found.length.toLocaleString("en")} of ${all}`);
    // Who filters hears how many are left; who listens to a run does not hear it counted.
    if (asked) setText(byId("announce"), `${found.length.toLocaleString("en")} of ${all} events`);
    this.#offerLatest();
  }

  #offerPhases() {
    const phases = [...new Set(this.#all.map((event) => event.phase))].filter(Boolean);
    const list = byId("filter-phase");
    list.phases ??= list.appendChild(make("optgroup", { label: "Phases" }));
    keyed(list.phases, phases, (phase) => phase, (phase) => make("option", { value: phase }, phase), () => {});
  }

  #offerLatest() {
    byId("latest").hidden = this.#rows.atEnd;
  }

  #follow() {
    this.#rows.toEnd();
    this.#offerLatest();
    byId("events").focus();
  }

  #click(event) {
    const row = event.target.closest(".event");
    if (row) this.#choose(this.#rows.events[Number(row.dataset.place)]);
  }

  #key(event) {
    if (event.target !== byId("events")) return;
    const events = this.#rows.events;
    const here = events.findIndex((found) => found.seq === this.#chosen?.seq);
    const from = here < 0 ? events.length - 1 : here;
    const page = this.#rows.page;
    const to = {
      ArrowDown: here < 0 ? from : from + 1,
      ArrowUp: here < 0 ? from : from - 1,
      PageDown: from + page,
      PageUp: from - page,
      Home: 0,
      End: events.length - 1,
      Escape: -1,
    }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (event.key === "Escape") {
      this.#choose(null);
    } else if (events.length > 0) {
      const place = Math.min(events.length - 1, Math.max(0, to));
      this.#rows.reveal(place);
      this.#choose(events[place]);
    }
  }

  #choose(event) {
    this.#chosen = event;
    this.#rows.choose(event?.seq ?? null);
    const box = byId("event");
    box.hidden = !event;
    if (!event) {
      showFacts(box.firstElementChild, {});
      setText(box.lastElementChild, "");
      return;
    }
    const level = event.level === "info" ? "" : event.level;
    showFacts(box.firstElementChild, { Event: `#${event.seq}`, Time: dateAndTime(event.time), Phase: event.phase, Level: level, Node: event.node, Task: event.task });
    setText(box.lastElementChild, event.text);
  }
}
