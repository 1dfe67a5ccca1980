// The API's documents are read, whatever they hold.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  readCluster,
  readClusters,
  readEvents,
  readOperations,
  readTimeline,
  withKnownPercent,
} from "../../../triggers/page/documents.mjs";
import { at, cluster, HOSTILE, node, ODD, timeline } from "./samples.mjs";

test("a cluster is read", () => {
  const found = cluster();
  assert.equal(found.name, "demo");
  assert.equal(found.percent, 25);
  assert.deepEqual(found.phases[0], {
    name: "network",
    state: "done",
    startedAt: at(0),
    seconds: 10,
  });
  assert.deepEqual(found.nodes[0], node("demo-etcd-0", "etcd", "waiting"));
  assert.deepEqual([found.location, found.kubernetes], ["westeurope", "1.36.1"]);
  assert.deepEqual([found.play, found.cause, found.checks], [null, null, []]);
});

test("a timeline is read", () => {
  const found = timeline();
  assert.deepEqual(found.reports, [{ time: at(40), nodes: ["demo-worker-0"], further: 0 }]);
  assert.equal(found.endedAt, null);
});

test("a bar has the id and the name that the API gives, or one of them as both", () => {
  const [bar] = timeline().stages;
  assert.deepEqual([bar?.id, bar?.name], ["etcd", "Etcd members"]);
  const [named] = timeline({ stages: [{ name: "Etcd" }] }).stages;
  assert.deepEqual([named?.id, named?.name], ["Etcd", "Etcd"]);
  const [unnamed] = timeline({ stages: [{ id: "etcd" }] }).stages;
  assert.deepEqual([unnamed?.id, unnamed?.name], ["etcd", "etcd"]);
});

test("a play has its stage's title, or the id where there is none", () => {
  const play = { stage: "control-plane", task: "t", host: "h" };
  assert.equal(cluster({ play }).play?.title, "control-plane");
  assert.equal(cluster({ play: { ...play, title: "Control plane" } }).play?.title, "Control plane");
});

test("an event is found by every name in it, and kinds that the page does not know do no harm", () => {
  const event = { seq: 1, kind: "later.kind", subject: "Net", nodes: ["A-1", "a-2"], text: "T" };
  const [found] = readEvents({ events: [{ ...event, node: "a-3", task: "Task" }] });
  assert.equal(found?.search, "a-3 a-1 a-2 net task t");
});

test("an empty document has every field", () => {
  for (const read of [readCluster, readTimeline]) {
    const empty = read({});
    for (const value of Object.values(empty)) assert.notEqual(value, undefined);
    assert.deepEqual(Object.keys(empty), Object.keys(read(cluster())));
  }
});

test("fields that the page does not know are left out", () => {
  const known = readTimeline({ stages: [{ id: "a", later: 1 }], later: { much: 1 } });
  assert.deepEqual(known, readTimeline({ stages: [{ id: "a" }] }));
});

test("every field may have any value", () => {
  const types = (/** @type {object} */ found) =>
    Object.entries(found).map(([name, value]) => [name, Array.isArray(value)]);
  for (const value of ODD) {
    for (const read of [readCluster, readTimeline]) {
      const names = Object.keys(read({}));
      const spoiled = read(Object.fromEntries(names.map((name) => [name, value])));
      assert.deepEqual(types(spoiled), types(read({})));
      assert.deepEqual(read(value), read({}));
    }
    assert.deepEqual(readEvents(value), []);
    assert.deepEqual(readEvents({ events: value }), []);
    const inside = readCluster({ nodes: [{ name: value }], phases: [value], spec: value });
    assert.equal(typeof inside.nodes[0]?.name, "string");
  }
});

test("percent is a whole number from 0 to 100, or unknown", () => {
  const percents = [-5, 0, 41.9, 100, 900, "7", null, Number.NaN];
  assert.deepEqual(
    percents.map((percent) => cluster({ percent }).percent),
    [0, 0, 41, 100, 100, null, null, null],
  );
});

test("an unknown percent is the last one of the same run", () => {
  const unknown = cluster({ percent: null });
  assert.equal(withKnownPercent(unknown, cluster({ percent: 40 })).percent, 40);
  assert.equal(withKnownPercent(cluster({ percent: 41 }), cluster({ percent: 40 })).percent, 41);
  assert.equal(withKnownPercent(cluster({ percent: 0 }), cluster({ percent: 40 })).percent, 0);
  assert.equal(withKnownPercent(unknown, cluster({ generation: 2 })).percent, null);
  assert.equal(withKnownPercent(unknown, unknown).percent, null);
  assert.equal(withKnownPercent(unknown, null).percent, null);
  const { phases, ...others } = withKnownPercent(cluster({ phases: [] }), cluster());
  assert.deepEqual([phases, others.name], [[], "demo"]);
});

test("hostile texts stay as they are", () => {
  for (const text of HOSTILE) {
    assert.equal(cluster({ caller: text }).caller, text);
    const [event] = readEvents({ events: [{ seq: 1, text, node: text, level: text }] });
    assert.deepEqual([event?.text, event?.node, event?.level], [text, text, text]);
  }
});

test("a time that is none is no time", () => {
  for (const time of ["", "yesterday", "2026-13-40T99:00:00Z", 5, null, {}]) {
    assert.equal(cluster({ startedAt: time }).startedAt, null);
  }
});

test("an event without a number is left out, and the others have all fields", () => {
  const events = readEvents({ events: [{ text: "no number" }, { seq: "2" }, { seq: 3 }, null] });
  assert.deepEqual(events, [
    {
      seq: 3,
      time: null,
      phase: "",
      level: "info",
      node: "",
      nodes: [],
      task: "",
      text: "",
      search: "",
    },
  ]);
});

test("a check has passed only where the API says so", () => {
  const checks = [{ ok: true }, { ok: false }, { ok: 1 }, { ok: "true" }, {}];
  assert.deepEqual(
    cluster({ checks }).checks.map((check) => check.ok),
    [true, false, false, false, false],
  );
});

test("a node without a pool is in the pool of its role", () => {
  assert.equal(cluster({ nodes: [{ name: "a", role: "etcd" }] }).nodes[0]?.pool, "etcd");
});

test("names in a report that are no texts are left out", () => {
  const reports = timeline({ reports: [{ time: at(1), nodes: ["a", null, {}, "b"] }] }).reports;
  assert.deepEqual(reports[0]?.nodes, ["a", "b"]);
});

test("lists of clusters and operations are read whatever they hold", () => {
  const listed = readClusters({
    clusters: [{ name: "demo", state: "ready", stopsAfter: null }, { state: "ready" }, 7, null],
  });
  assert.deepEqual(listed, [{ name: "demo", state: "ready", stopsAfter: "" }]);
  const found = readOperations({
    operations: [{ generation: 4, state: "of tomorrow", cause: null }, { generation: "x" }, "y"],
    next: 3,
  });
  const unknown = { kind: "", startedAt: null, finishedAt: null, cause: "" };
  assert.deepEqual(found, {
    operations: [{ generation: 4, state: "of tomorrow", ...unknown }],
    next: 3,
  });
  assert.deepEqual(readOperations("no document"), { operations: [], next: null });
});
