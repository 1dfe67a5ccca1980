// Which events a filter leaves, and where keys move.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readEvents } from "../../../triggers/page/documents.mjs";
import { countText, filterEvents, phasesOf } from "../../../triggers/page/events.mjs";
import { moveInGrid, moveInList } from "../../../triggers/page/moves.mjs";
import { HOSTILE } from "./samples.mjs";

const EVENTS = readEvents({
  events: [
    { seq: 1, phase: "network", text: "Deployment NET started" },
    { seq: 2, phase: "network", text: "slow", level: "warning", node: "demo-etcd-0" },
    { seq: 3, phase: "playbook", text: "broken", level: "error", task: "Start etcd" },
    { seq: 4, phase: "", text: "odd", level: "fatal" },
  ],
});
const ALL = { text: "", level: "", phase: "" };

/** @param {Partial<typeof ALL>} filter */
function numbers(filter) {
  return filterEvents(EVENTS, { ...ALL, ...filter }).map((event) => event.seq);
}

test("an empty filter chooses all events", () => {
  assert.deepEqual(numbers({}), [1, 2, 3, 4]);
  assert.deepEqual(numbers({ text: "  " }), [1, 2, 3, 4]);
});

test("a text is looked for in text, node and task, in any case", () => {
  assert.deepEqual(numbers({ text: "net" }), [1]);
  assert.deepEqual(numbers({ text: " ETCD " }), [2, 3]);
  for (const text of HOSTILE) assert.deepEqual(numbers({ text }), []);
});

test("a level chooses itself and what is worse; an unknown one is information", () => {
  assert.deepEqual(numbers({ level: "warning" }), [2, 3]);
  assert.deepEqual(numbers({ level: "error" }), [3]);
  assert.deepEqual(numbers({ level: "constructor" }), [1, 2, 3, 4]);
});

test("filters add up", () => {
  assert.deepEqual(numbers({ phase: "network" }), [1, 2]);
  assert.deepEqual(numbers({ phase: "network", level: "warning", text: "slow" }), [2]);
  assert.deepEqual(numbers({ phase: "nodes" }), []);
});

test("phases are offered once, in their order", () => {
  assert.deepEqual(phasesOf(EVENTS), ["network", "playbook"]);
});

test("a count says how many of all", () => {
  assert.equal(countText(4, 4), "4");
  assert.equal(countText(1, 4012), "1 of 4,012");
  assert.equal(countText(0, 0), "0");
});

test("keys move in a list and stop at its ends", () => {
  const move = (/** @type {string} */ key, here = 5) => moveInList(key, here, 10, 4);
  assert.deepEqual(
    ["ArrowDown", "ArrowUp", "PageDown", "PageUp", "Home", "End"].map((key) => move(key)),
    [6, 4, 9, 1, 0, 9],
  );
  assert.deepEqual([move("ArrowDown", 9), move("ArrowUp", 0), move("PageUp", 2)], [9, 0, 0]);
  for (const key of ["Enter", "a", "toString"]) assert.equal(move(key), null);
});

test("without a chosen row, arrows go to the last one", () => {
  for (const key of ["ArrowDown", "ArrowUp", "PageDown"]) {
    assert.equal(moveInList(key, null, 10, 4), 9);
  }
  assert.equal(moveInList("PageUp", null, 10, 4), 5);
  assert.equal(moveInList("ArrowDown", null, 0, 4), 0);
});

test("keys move in a grid and stop at its ends", () => {
  const move = (/** @type {string} */ key, here = 5) => moveInGrid(key, here, 10, 4);
  assert.deepEqual(
    ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"].map((key) => move(key)),
    [4, 6, 1, 9, 0, 9],
  );
  assert.deepEqual([move("ArrowLeft", 0), move("ArrowRight", 9), move("ArrowUp", 2)], [0, 9, 0]);
  assert.equal(move("Tab"), null);
});
