// The timeline's groups and rows, computed from the API's documents.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  byPool,
  makeGroups,
  NODES_AS_ROWS,
  readyTimes,
  spanOf,
} from "../../../triggers/page/bars.mjs";
import { readCluster, readTimeline } from "../../../triggers/page/documents.mjs";
import { rowTexts } from "../../../triggers/page/texts.mjs";
import { at, BEGIN, cluster, HOSTILE, node, ODD, timeline } from "./samples.mjs";

const NOW = BEGIN + 60;

/**
 * @param {import("../../../triggers/page/types.d.ts").Cluster} found
 * @param {import("../../../triggers/page/types.d.ts").Timeline} times
 */
function rowsOf(found, times, now = NOW) {
  const groups = makeGroups(found, times, now);
  return new Map(groups.flatMap((group) => group.rows.map((row) => [row.name, row])));
}

/** @param {number} count */
function many(count) {
  return Array.from({ length: count }, (_, i) =>
    node(`w-${i}`, "worker", i < 10 ? "ready" : "waiting"),
  );
}

test("groups and rows come in the order of the documents", () => {
  const groups = makeGroups(cluster(), timeline(), NOW);
  assert.deepEqual(
    groups.map((group) => [group.key, group.rows.map((row) => row.name)]),
    [
      ["phases", ["network", "machines", "nodes"]],
      ["deployments", ["net"]],
      ["nodes", ["demo-etcd-0", "demo-worker-0"]],
      ["stages", ["Etcd members"]],
    ],
  );
});

test("a bar begins and ends where the API says, and a running one ends now", () => {
  const rows = rowsOf(cluster(), timeline());
  const places = ["network", "machines", "nodes", "net", "Etcd members"].map((name) => {
    const row = rows.get(name);
    return [row?.look, row?.from && row.from - BEGIN, row?.to && row.to - BEGIN];
  });
  assert.deepEqual(places, [
    ["done", 0, 10],
    ["running", 10, 60],
    ["pending", null, null],
    ["done", 1, 9],
    ["running", 50, 60],
  ]);
});

test("a stage that the spec leaves out has no bar and is not done", () => {
  const skipped = [{ id: "workers", name: "Workers" }, { id: "verify" }];
  const rows = rowsOf(cluster(), timeline({ skipped }));
  for (const name of ["Workers", "verify"]) {
    const row = rows.get(name);
    assert.ok(row);
    assert.deepEqual([row.look, row.from, row.to], ["stopped", null, null]);
    assert.deepEqual(rowTexts(row, BEGIN).took, "skipped");
  }
});

test("nothing goes on after the end of the run", () => {
  const ended = timeline({
    endedAt: at(55),
    stages: [{ id: "a", state: "stopped", startedAt: at(50), endedAt: at(55) }],
  });
  const rows = rowsOf(cluster({ state: "failed" }), ended, NOW + 1000);
  assert.equal(rows.get("machines")?.to, BEGIN + 55);
  assert.equal(rows.get("a")?.state, "stopped with the operation");
  assert.deepEqual(rows.get("demo-etcd-0")?.look, "stopped");
  assert.equal(spanOf([...rows.values()], ended, NOW + 1000)?.length, 55);
});

test("a node's bar goes from the machines' creation to its report", () => {
  const rows = rowsOf(cluster(), timeline());
  const [waiting, ready] = [rows.get("demo-etcd-0"), rows.get("demo-worker-0")];
  assert.deepEqual([waiting?.look, waiting?.from, waiting?.to], ["waiting", BEGIN + 10, NOW]);
  assert.deepEqual([ready?.look, ready?.from, ready?.to], ["done", BEGIN + 10, BEGIN + 40]);
});

test("a node that is ready without a known time has no bar", () => {
  const row = rowsOf(cluster(), timeline({ reports: [] })).get("demo-worker-0");
  assert.deepEqual([row?.look, row?.from], ["done", null]);
});

test("there are no rows of nodes before a phase creates or awaits machines", () => {
  const keys = makeGroups(cluster({ phases: [] }), timeline(), NOW).map((group) => group.key);
  assert.deepEqual(keys, ["deployments", "stages"]);
});

test("a ready node whose name is in no report has the time of the unnamed ones", () => {
  const nodes = [node("a", "p", "ready"), node("b", "p", "ready"), node("c", "p", "waiting")];
  const reports = [
    { time: at(20), nodes: ["a"], further: 0 },
    { time: at(30), nodes: [], further: 1 },
    { time: "never", nodes: ["c"], further: 9 },
  ];
  const times = readyTimes(cluster({ nodes }), timeline({ reports }));
  assert.deepEqual(
    [...times],
    [
      ["a", BEGIN + 20],
      ["b", BEGIN + 30],
    ],
  );
});

test("many nodes are drawn by pool, as an area of how many had reported", () => {
  const nodes = [...many(39), node("etcd-0", "etcd", "failed")];
  assert.ok(nodes.length > NODES_AS_ROWS);
  const reports = [
    { time: at(20), nodes: ["w-0", "w-1", "w-2", "w-3"] },
    { time: at(35), nodes: ["w-4", "w-5", "w-6", "w-7", "w-8", "w-9"] },
  ];
  const rows = rowsOf(cluster({ nodes }), timeline({ reports }));
  const worker = rows.get("worker");
  assert.equal(worker?.state, "10 of 39 ready");
  assert.equal(worker?.look, "waiting");
  assert.equal(rows.get("etcd")?.look, "failed");
  const corners = worker?.ramp?.map(([x, y]) => [x, Math.round((1 - y) * 39)]);
  assert.deepEqual(corners, [
    [0, 0],
    [0.2, 0],
    [0.2, 4],
    [0.5, 4],
    [0.5, 10],
    [1, 10],
    [1, 0],
  ]);
});

test("an area's corners never go back and never leave their box", () => {
  const nodes = many(30);
  const wild = [at(500), at(0), at(20), at(20), "never"];
  const reports = wild.map((time, i) => ({ time, nodes: [`w-${2 * i}`, `w-${2 * i + 1}`] }));
  const { ramp } = rowsOf(cluster({ nodes }), timeline({ reports })).get("worker") ?? {};
  assert.ok(ramp);
  for (const [i, [x, y]] of ramp.entries()) {
    assert.ok(x >= 0 && x <= 1 && y >= 0 && y <= 1);
    const before = ramp[i - 1];
    if (before) assert.ok(x >= before[0]);
    if (before && i < ramp.length - 1) assert.ok(y <= before[1]);
  }
});

test("a pool whose nodes all reported ends with the last report", () => {
  const nodes = many(10).concat(many(20).map((n) => ({ ...n, pool: "other", state: "waiting" })));
  const reports = [{ time: at(30), nodes: many(10).map((n) => n.name) }];
  const row = rowsOf(cluster({ nodes }), timeline({ reports })).get("worker");
  assert.deepEqual([row?.look, row?.to], ["done", BEGIN + 30]);
});

test("states that the page does not know look as pending and are shown by their text", () => {
  for (const state of [...HOSTILE, "skipped"]) {
    const rows = rowsOf(
      cluster({ phases: [{ name: "later", state, startedAt: at(1), seconds: 2 }] }),
      timeline({ stages: [{ id: "s", state, startedAt: at(1) }] }),
    );
    for (const name of ["later", "s"]) {
      assert.equal(rows.get(name)?.look, "pending");
      assert.equal(rows.get(name)?.state, state);
    }
  }
});

test("any document gives rows with numbers or without a bar", () => {
  for (const value of ODD) {
    for (const spoiled of [value, [value], [{ name: value, startedAt: value, seconds: value }]]) {
      const found = readCluster({ phases: spoiled, nodes: spoiled });
      const times = readTimeline({ deployments: spoiled, stages: spoiled, reports: spoiled });
      const rows = makeGroups(found, times, NOW).flatMap((group) => group.rows);
      for (const { from, to } of rows) {
        assert.ok(from === null || Number.isFinite(from));
        assert.ok(to === null || Number.isFinite(to));
      }
      const span = spanOf(rows, times, NOW);
      assert.ok(span === null || (Number.isFinite(span.begin) && span.length >= 1));
    }
  }
});

test("the span covers the run, and there is none without a beginning", () => {
  const rows = [...rowsOf(cluster(), timeline()).values()];
  assert.deepEqual(spanOf(rows, timeline(), NOW), { begin: BEGIN, length: 60 });
  assert.equal(spanOf([], timeline(), NOW), null);
  const [pending] = [...rowsOf(cluster(), timeline()).values()].filter((row) => row.from === null);
  assert.ok(pending);
  assert.equal(spanOf([pending], readTimeline({}), NOW), null);
  const early = spanOf(rows, timeline(), BEGIN - 500); // this machine's clock is behind
  assert.ok(early && early.length >= 1);
});

test("pools keep the order of their first nodes", () => {
  const nodes = [node("a", "x", ""), node("b", "__proto__", ""), node("c", "x", "")];
  const pools = [...byPool(cluster({ nodes }).nodes)];
  assert.deepEqual(
    pools.map(([pool, found]) => [pool, found.map((n) => n.name)]),
    [
      ["x", ["a", "c"]],
      ["__proto__", ["b"]],
    ],
  );
});
