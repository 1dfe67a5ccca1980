import { makeGroups } from "./bars.mjs";
import { byId, keyed, make, mark, setAttributes, setMark, setText } from "./elements.mjs";
import { duration, seconds, stopwatch, tickStep } from "./times.mjs";

// The timeline's rows. A bar's place is a share of the whole run, so that nothing is measured.

const MOST_TICKS = { wide: 9, narrow: 5 };

export function showTimeline(cluster, timeline, now) {
  const groups = makeGroups(cluster, timeline, now);
  const rows = groups.flatMap((group) => group.rows);
  const begin = Math.min(...rows.map((row) => row.from ?? Infinity), seconds(timeline.startedAt) ?? Infinity);
  const end = Math.max(...rows.map((row) => row.to ?? -Infinity), seconds(timeline.endedAt) ?? now);
  byId("timeline").parentElement.hidden = rows.length === 0 || !Number.isFinite(begin);
  if (byId("timeline").parentElement.hidden) {
    keyed(groupsBox(), [], () => "", makeGroup, () => {});
    return;
  }
  const span = { begin, length: Math.max(end - begin, 1) };
  showAxis(span.length);
  keyed(
    groupsBox(),
    groups,
    (group) => group.key,
    makeGroup,
    (node, group) => keyed(node.lastElementChild, group.rows, (row) => row.key, makeRow, (row, told) => showRow(row, told, span)),
  );
}

/** Below the axis, in a box of their own. */
function groupsBox() {
  const timeline = byId("timeline");
  if (timeline.children.length < 2) timeline.append(make("div"));
  return timeline.lastElementChild;
}

function makeGroup(group) {
  const id = `group-${group.key}`;
  return make("div", { class: "group" }, make("h3", { id }, group.title), make("ul", { "aria-labelledby": id }));
}

function showAxis(length) {
  const wide = matchMedia("(min-width: 641px)").matches;
  const step = tickStep(length, wide ? MOST_TICKS.wide : MOST_TICKS.narrow);
  const axis = byId("axis");
  if (!axis.firstElementChild) axis.append(make("div", { class: "scale" }));
  const ticks = [];
  for (let at = 0; at <= length; at += step) ticks.push(at);
  keyed(
    axis.firstElementChild,
    ticks,
    (at) => at,
    (at) => make("span", { class: at === 0 ? "tick first" : "tick" }, stopwatch(at)),
    (node, at) => node.style.setProperty("left", share(at, length)),
  );
  byId("timeline").style.setProperty("--step", share(step, length));
}

function makeRow() {
  return make(
    "li",
    { class: "row" },
    make("span", { class: "name" }, mark("pending"), make("span")),
    make("span", { class: "track", "aria-hidden": "true" }, make("span", { class: "bar" }, make("span"))),
    make("span", { class: "took" }, make("span"), make("span", { class: "unseen" })),
  );
}

function showRow(node, row, { begin, length }) {
  const [name, track, took] = node.children;
  const placed = row.from !== null && row.to !== null;
  setAttributes(node, { class: `row ${row.kind}`, title: placed ? described(row, begin) : row.said });
  setMark(name.firstElementChild, row.kind);
  setText(name.lastElementChild, row.name);
  setText(took.firstElementChild, placed ? stopwatch(row.to - row.from) : "");
  setText(took.lastElementChild, ` ${row.said}${placed ? `, began after ${duration(row.from - begin)}` : ""}`);
  const bar = track.firstElementChild;
  bar.hidden = !placed;
  if (!placed) return;
  setAttributes(bar, { class: `bar ${row.kind}${row.ramp ? " ramp" : ""}` });
  bar.style.setProperty("left", share(row.from - begin, length));
  bar.style.setProperty("width", share(row.to - row.from, length));
  const corners = row.ramp?.map(([x, y]) => `${percent(x)} ${percent(y)}`).join(", ");
  bar.firstElementChild.hidden = !corners;
  bar.firstElementChild.style.setProperty("clip-path", corners ? `polygon(${corners})` : "none");
}

function described(row, begin) {
  return `${row.name}: ${row.said}, ${duration(row.to - row.from)}, began after ${duration(row.from - begin)}`;
}

function share(part, whole) {
  return percent(part / whole);
}

function percent(part) {
  return `${(Math.min(1, Math.max(0, part)) * 100).toFixed(3)}%`;
}
