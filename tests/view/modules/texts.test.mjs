// What the page says of a run: head, progress, failure, rows, nodes, events.
import assert from "node:assert/strict";
import { test } from "node:test";
import { lookOf, lookUp, NODE_LOOKS, SIGNS } from "../../../triggers/page/looks.mjs";
import { statesOf } from "../../../triggers/page/nodes.mjs";
import * as texts from "../../../triggers/page/texts.mjs";
import { at, BEGIN, cluster, HOSTILE, node, timeline } from "./samples.mjs";

const NOW = BEGIN + 60;

test("the head tells a running launch", () => {
  const found = cluster({ play: { stage: "etcd", task: "Start it", host: "demo-etcd-0" } });
  assert.deepEqual(texts.runFacts(found, timeline(), NOW), {
    Operation: "#3",
    Started: "2026-11-29 12:00:00 UTC",
    By: "ada",
    Took: "",
    Running: "1 min 00 s",
    "Resource group": "demo-rg",
    Location: "westeurope",
    Kubernetes: "1.36.1",
    Now: "etcd · Start it · demo-etcd-0",
    Note: "",
  });
});

test("an ended run took a time and does nothing now", () => {
  const found = cluster({ state: "failed", play: { stage: "etcd" }, kind: "delete" });
  const facts = texts.runFacts(found, timeline({ endedAt: at(125) }), NOW + 1000);
  assert.deepEqual(
    [facts.Removal, facts.Took, facts.Running, facts.Now],
    ["#3", "2 min 05 s", "", ""],
  );
});

test("a kind of run that the page does not know is a run", () => {
  for (const kind of [...HOSTILE, "", "renew"]) {
    assert.equal(texts.runFacts(cluster({ kind }), timeline(), NOW).Operation, "#3");
  }
});

test("the beginning is the record's until there are events", () => {
  const facts = texts.runFacts(cluster({ startedAt: at(5) }), timeline({ startedAt: null }), NOW);
  assert.equal(facts.Started, "2026-11-29 12:00:05 UTC");
  assert.equal(facts.Running, "55 s");
  const unknown = texts.runFacts(cluster({ startedAt: null }), timeline({ startedAt: null }), NOW);
  assert.deepEqual([unknown.Started, unknown.Running], ["", ""]);
  const ended = timeline({ startedAt: null, endedAt: at(9) });
  assert.equal(texts.runFacts(cluster({ startedAt: null }), ended, NOW).Took, "");
});

test("progress is shown while a run goes on", () => {
  assert.equal(texts.progressText(cluster()), "25 %");
  assert.equal(texts.progressText(cluster({ state: "deleting" })), "25 %");
  for (const state of ["ready", "failed", "", "paused"]) {
    assert.equal(texts.progressText(cluster({ state })), "");
  }
  assert.equal(texts.progressText(cluster({ percent: null })), "");
  assert.equal(texts.progressText(cluster({ percent: 0 })), "0 %");
  assert.equal(texts.documentTitle(cluster()), "demo · running 25 %");
  assert.equal(texts.documentTitle(cluster({ state: "ready" })), "demo · ready");
});

test("a screen reader hears phases and the end", () => {
  assert.equal(texts.announcement(cluster()), "demo: phase machines");
  assert.equal(texts.announcement(cluster({ phase: "" })), "demo: running");
  assert.equal(texts.announcement(cluster({ state: "ready" })), "demo: ready");
  const cause = { message: "it broke" };
  assert.equal(texts.announcement(cluster({ state: "failed", cause })), "demo: failed, it broke");
  assert.equal(texts.announcement(cluster({ state: "" })), "");
});

test("a failure names what it knows of its place", () => {
  const title = (/** @type {object} */ cause, state = "failed") => {
    const found = cluster({ cause }).cause;
    return found && texts.failureTitle(state, found);
  };
  assert.equal(
    title({ code: "PlayFailed", phase: "playbook", place: "a" }),
    "Failed in phase playbook at a",
  );
  assert.equal(title({ code: "PlayFailed", place: "a" }), "Failed at a");
  assert.equal(title({}), "Failed");
  for (const text of HOSTILE) {
    assert.equal(title({ place: text }), `Failed at ${text}`);
    assert.equal(title({}, text), "Failed");
  }
});

test("a cancelled run is called cancelled, not failed", () => {
  const cause = cluster({ cause: { code: "Cancelled", phase: "nodes" } }).cause;
  assert.equal(cause && texts.failureTitle("cancelled", cause), "Cancelled in phase nodes");
});

test("a cluster whose play leaves out stages is not simply ready", () => {
  const part = { state: "ready", stopsAfter: "etcd" };
  assert.equal(texts.stateText(cluster(part)), "ready, stops after: etcd");
  assert.equal(texts.documentTitle(cluster(part)), "demo · ready, stops after: etcd");
  assert.equal(texts.announcement(cluster(part)), "demo: ready, stops after: etcd");
  const version = (/** @type {Record<string, unknown>} */ changes) =>
    texts.runFacts(cluster(changes), timeline(), BEGIN).Kubernetes;
  assert.equal(version(part), "1.36.1, not installed");
  assert.equal(version({ ...part, access: { vault: "v" } }), "1.36.1");
  assert.equal(version({ state: "ready" }), "1.36.1");
});

test("the line of the current task leaves out what is not known", () => {
  assert.equal(texts.currentTask(cluster({ play: { task: "t" } })), "t");
  assert.equal(texts.currentTask(cluster({ play: {} })), "");
  assert.equal(texts.currentTask(cluster({ play: null })), "");
});

test("a row tells how long, in what state, since when", () => {
  const row = { key: "", name: "net", look: /** @type {const} */ ("done"), state: "done" };
  assert.deepEqual(texts.rowTexts({ ...row, from: BEGIN + 5, to: BEGIN + 70 }, BEGIN), {
    took: "1:05",
    spoken: "done, began after 5 s",
    title: "net: done, 1 min 05 s, began after 5 s",
  });
  const spoken = texts.rowTexts({ ...row, from: null, to: BEGIN }, BEGIN);
  assert.deepEqual(texts.rowTexts({ ...row, from: BEGIN, to: null }, BEGIN), spoken);
  assert.deepEqual(spoken, { took: "", spoken: "done", title: "done" });
});

test("a node tells when it reported, where that is known", () => {
  const [found] = cluster().nodes;
  assert.ok(found);
  const facts = texts.nodeFacts(found, BEGIN + 40, timeline());
  assert.deepEqual([facts.Address, facts["Reported after"]], ["10.0.0.4", "40 s"]);
  assert.equal(facts.Kubernetes, "1.36.1");
  assert.equal(texts.nodeFacts(found, undefined, timeline())["Reported after"], "");
  const unknown = texts.nodeFacts(found, BEGIN, timeline({ startedAt: null }));
  assert.equal(unknown["Reported after"], "");
});

/** @param {Partial<import("../../../triggers/page/types.d.ts").RunEvent>} changes */
const sample = (changes) => ({
  ...{ seq: 7, time: at(1), phase: "p", level: "info", node: "", nodes: [], task: "" },
  ...{ text: "x", search: "x" },
  ...changes,
});

test("an event's text has the names of its nodes, each once", () => {
  const nodes = ["demo-worker-0", "demo-worker-1"];
  const shown = (/** @type {Parameters<typeof sample>[0]} */ changes) =>
    texts.eventText(sample(changes));
  assert.equal(
    shown({ text: "2 nodes ready", nodes }),
    "2 nodes ready: demo-worker-0, demo-worker-1",
  );
  const old = "2 nodes ready: demo-worker-0, demo-worker-1";
  assert.equal(shown({ text: old, nodes }), old);
  assert.equal(shown({ text: "ready", node: "demo-worker-0", nodes: ["demo-worker-0"] }), "ready");
  assert.equal(shown({ text: "playbook finished" }), "playbook finished");
});

test("an event's level is told unless it is plain information", () => {
  const event = sample({});
  assert.equal(texts.eventFacts({ ...event, level: "info" }).Level, "");
  assert.equal(texts.eventFacts({ ...event, level: "warning" }).Level, "warning");
  assert.equal(texts.eventFacts({ ...event, level: "info" }).Event, "#7");
});

test("texts from the API are no names of properties", () => {
  for (const text of HOSTILE) {
    assert.equal(lookOf(NODE_LOOKS, text), "pending");
    assert.equal(lookUp({ a: 1 }, text, 2), 2);
  }
  assert.equal(lookOf(NODE_LOOKS, "ready"), "done");
  assert.equal(new Set(Object.values(SIGNS)).size, Object.keys(SIGNS).length);
});

test("the legend has the states of the nodes, those that the page does not know last", () => {
  const states = ["later", "planned", "", "ready", "ready", "toString"];
  const nodes = cluster({ nodes: states.map((state, i) => node(`n${i}`, "p", state)) }).nodes;
  assert.deepEqual(statesOf(nodes), ["ready", "planned", "later", "toString"]);
});

test("an operation is told by its number, its kind and its times", () => {
  const operation = { generation: 2, kind: "delete", state: "cancelled", cause: "" };
  const times = { startedAt: at(0), finishedAt: at(125) };
  assert.deepEqual(texts.operationTexts({ ...operation, ...times }), {
    title: "#2 Removal",
    state: "cancelled",
    times: "2026-11-29 12:00:00 UTC, took 2 min 05 s",
  });
  const unknown = { ...operation, kind: "__proto__", startedAt: null, finishedAt: null };
  assert.deepEqual(texts.operationTexts(unknown), {
    title: "#2 Operation",
    state: "cancelled",
    times: "",
  });
});
