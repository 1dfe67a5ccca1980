// The timeline's rows. A bar's place is a share of the whole run, so that nothing is measured.
import { makeGroups, spanOf } from "./bars.mjs";
import {
  byId,
  childOf,
  keyed,
  make,
  makeSign,
  setAttributes,
  setSign,
  setText,
} from "./elements.mjs";
import { rowTexts } from "./texts.mjs";
import { stopwatch, tickStep } from "./times.mjs";

/** @import { Cluster, Group, Row, Span, Timeline } from "./types.d.ts" */

const MOST_TICKS = { wide: 9, narrow: 5 };

/**
 * @param {Cluster} cluster
 * @param {Timeline} timeline
 * @param {number} now
 */
export function showTimeline(cluster, timeline, now) {
  const groups = makeGroups(cluster, timeline, now);
  const span = spanOf(
    groups.flatMap((group) => group.rows),
    timeline,
    now,
  );
  byId("timeline-section").hidden = span === null;
  if (span) showAxis(span.length);
  keyed(
    byId("groups"),
    span ? groups : [],
    (group) => group.key,
    makeGroup,
    (node, group) => {
      if (span) showGroup(node, group, span);
    },
  );
}

/** @param {Group} group */
function makeGroup(group) {
  const id = `group-${group.key}`;
  const title = make("h3", { id }, group.title);
  return make("div", { class: "group" }, title, make("ul", { "aria-labelledby": id }));
}

/**
 * @param {Element} node
 * @param {Group} group
 * @param {Span} span
 */
function showGroup(node, group, span) {
  keyed(
    childOf(node, -1),
    group.rows,
    (row) => row.key,
    makeRow,
    (element, row) => showRow(element, row, span),
  );
}

/** @param {number} length */
function showAxis(length) {
  const wide = matchMedia("(min-width: 641px)").matches;
  const step = tickStep(length, wide ? MOST_TICKS.wide : MOST_TICKS.narrow);
  const count = Math.floor(length / step) + 1;
  keyed(
    byId("axis"),
    Array.from({ length: count }, (_, index) => index * step),
    (at) => String(at),
    (at) => make("span", { class: at === 0 ? "tick first" : "tick" }, stopwatch(at)),
    (node, at) => node.style.setProperty("left", share(at, length)),
  );
  byId("timeline").style.setProperty("--step", share(step, length));
}

function makeRow() {
  const bar = make("span", { class: "bar" }, make("span"));
  return make(
    "li",
    { class: "row" },
    make("span", { class: "name" }, makeSign("pending"), make("span")),
    make("span", { class: "track", "aria-hidden": "true" }, bar),
    make("span", { class: "took" }, make("span"), make("span", { class: "visually-hidden" })),
  );
}

/**
 * @param {Element} node
 * @param {Row} row
 * @param {Span} span
 */
function showRow(node, row, span) {
  const [name, track, took] = [childOf(node, 0), childOf(node, 1), childOf(node, 2)];
  const texts = rowTexts(row, span.begin);
  setAttributes(node, { class: `row ${row.look}`, title: texts.title });
  setSign(childOf(name, 0), row.look);
  setText(childOf(name, 1), row.name);
  setText(childOf(took, 0), texts.took);
  setText(childOf(took, 1), ` ${texts.spoken}`);
  showBar(childOf(track, 0), row, span);
}

/**
 * @param {HTMLElement} bar
 * @param {Row} row
 * @param {Span} span
 */
function showBar(bar, row, { begin, length }) {
  bar.hidden = row.from === null || row.to === null;
  if (row.from === null || row.to === null) return;
  setAttributes(bar, { class: `bar ${row.look}${row.ramp ? " ramp" : ""}` });
  bar.style.setProperty("left", share(row.from - begin, length));
  bar.style.setProperty("width", share(row.to - row.from, length));
  const corners = row.ramp?.map(([x, y]) => `${share(x, 1)} ${share(y, 1)}`).join(", ");
  const area = childOf(bar, 0);
  area.hidden = !corners;
  area.style.setProperty("clip-path", corners ? `polygon(${corners})` : "none");
}

/**
 * @param {number} part
 * @param {number} whole
 */
function share(part, whole) {
  return `${(Math.min(1, Math.max(0, part / whole)) * 100).toFixed(3)}%`;
}
