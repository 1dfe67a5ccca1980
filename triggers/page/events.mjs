// The run's events: filtered, followed while the end of the list is visible, one of them shown in full.
import { byId, childOf, keyed, make, setText, showFacts } from "./elements.mjs";
import { levelOf } from "./looks.mjs";
import { moveInList } from "./moves.mjs";
import { Rows } from "./rows.mjs";
import { eventFacts, eventText } from "./texts.mjs";

/** @import { Filter, RunEvent } from "./types.d.ts" */

export class Events {
  /** @type {RunEvent[]} */
  #all = [];
  #rows = new Rows(byId("events"));
  /** @type {RunEvent | null} */
  #chosen = null;
  #phases = make("optgroup", { label: "Phases" });

  constructor() {
    byId("events").addEventListener("keydown", (event) => this.#keyDown(event));
    byId("events").addEventListener("click", (event) => this.#click(event));
    byId("events").addEventListener("scroll", () => this.#offerLatest(), { passive: true });
    byId("filters").addEventListener("input", () => this.#filter(true));
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    byId("latest").addEventListener("click", () => this.#follow());
    byId("filter-phase").append(this.#phases);
    byId("event").append(
      make("dl", { class: "facts" }),
      make("pre", { tabindex: "0", role: "region", "aria-label": "Text of the event" }),
    );
  }

  /** The number of the last event; the API is asked for those after it. */
  get last() {
    return this.#all.at(-1)?.seq ?? 0;
  }

  /** Removes the events of a run. */
  clear() {
    this.#all = [];
    this.#choose(null);
    this.#offerPhases();
    this.#filter(false);
  }

  /** Removes the events and what the reader looked for. */
  forget() {
    for (const id of ["filter-text", "filter-level", "filter-phase"]) field(id).value = "";
    this.clear();
  }

  /**
   * Adds the events that are not known yet: an answer may come twice.
   * @param {RunEvent[]} events
   */
  add(events) {
    const fresh = events.filter((event) => event.seq > this.last);
    if (fresh.length === 0) return;
    const follows = this.#rows.atEnd;
    this.#all.push(...fresh);
    this.#offerPhases();
    this.#filter(false);
    if (follows) this.#rows.toEnd();
    this.#offerLatest();
  }

  /**
   * Shows only the events with this text.
   * @param {string} text
   */
  search(text) {
    field("filter-text").value = text;
    this.#filter(true);
    byId("events").focus();
    byId("events-title").scrollIntoView({ block: "start" });
  }

  /** @param {boolean} asked whether the reader changed the filter */
  #filter(asked) {
    const found = filterEvents(this.#all, {
      text: field("filter-text").value,
      level: field("filter-level").value,
      phase: field("filter-phase").value,
    });
    this.#rows.show(found);
    if (asked) this.#rows.toEnd();
    byId("events-none").hidden = found.length > 0 || this.#all.length === 0;
    setText(byId("events-count"), countText(found.length, this.#all.length));
    // A reader who filters hears how many are left; one who listens to a run does not hear a count.
    const noun = this.#all.length === 1 ? "event" : "events";
    if (asked) setText(byId("announce"), `${countText(found.length, this.#all.length)} ${noun}`);
    this.#offerLatest();
  }

  #offerPhases() {
    keyed(
      this.#phases,
      phasesOf(this.#all),
      (phase) => phase,
      (phase) => make("option", { value: phase }, phase),
      () => {},
    );
  }

  #offerLatest() {
    byId("latest").hidden = this.#rows.atEnd;
  }

  #follow() {
    this.#rows.toEnd();
    this.#offerLatest();
    byId("events").focus();
  }

  /** @param {Event} event */
  #click(event) {
    const row = event.target instanceof Element ? event.target.closest(".event") : null;
    if (row instanceof HTMLElement)
      this.#choose(this.#rows.events[Number(row.dataset.place)] ?? null);
  }

  /** @param {KeyboardEvent} event */
  #keyDown(event) {
    if (event.target !== byId("events")) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const events = this.#rows.events;
    const here = events.findIndex((found) => found.seq === this.#chosen?.seq);
    const place = moveInList(event.key, here < 0 ? null : here, events.length, this.#rows.page);
    if (place === null && event.key !== "Escape") return;
    event.preventDefault();
    if (place !== null && events.length > 0) this.#rows.reveal(place);
    this.#choose(place === null ? null : (events[place] ?? null));
  }

  /** @param {RunEvent | null} event */
  #choose(event) {
    this.#chosen = event;
    this.#rows.choose(event?.seq ?? null);
    const box = byId("event");
    box.hidden = !event;
    showFacts(childOf(box, 0), event ? eventFacts(event) : {});
    setText(childOf(box, -1), event ? eventText(event) : "");
  }
}

/**
 * The events of this level or a worse one, of this phase, with this text in nodes, subject, task or text.
 * An empty field of the filter chooses all; an event of an unknown level counts as information.
 * @param {RunEvent[]} events
 * @param {Filter} filter
 */
export function filterEvents(events, filter) {
  const text = filter.text.trim().toLowerCase();
  const least = levelOf(filter.level).severity;
  return events.filter(
    (event) =>
      levelOf(event.level).severity >= least &&
      (!filter.phase || event.phase === filter.phase) &&
      event.search.includes(text),
  );
}

/**
 * The phases of the events, in the order of their beginning.
 * @param {RunEvent[]} events
 */
export function phasesOf(events) {
  return [...new Set(events.map((event) => event.phase))].filter(Boolean);
}

/**
 * `12`, or `3 of 4,012` where the filter left some out.
 * @param {number} found
 * @param {number} all
 */
export function countText(found, all) {
  const total = all.toLocaleString("en");
  return found === all ? total : `${found.toLocaleString("en")} of ${total}`;
}

/** @param {string} id */
function field(id) {
  return /** @type {HTMLInputElement | HTMLSelectElement} */ (byId(id));
}
