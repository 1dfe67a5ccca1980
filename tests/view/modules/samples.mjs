// Documents as the API answers them, and values that no API should answer.
import { readCluster, readTimeline } from "../../../triggers/page/documents.mjs";

/** Texts that break a page which takes them for markup, code or names of properties. */
export const HOSTILE = [
  "<img src=x onerror=alert(1)>",
  "</script><script>alert(1)</script>",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "visually-hidden failed",
  "\u202e\u0000\u2028\ud800",
  "x".repeat(100_000),
];

/** Values of every type that JSON has. */
export const ODD = [null, true, false, 0, -1, 1e308, "", "x", [], [null], {}, [[]], { a: [] }];

/** @param {number} second after the run's beginning */
export const at = (second) => new Date(Date.UTC(2026, 10, 29, 12, 0, second)).toISOString();
export const BEGIN = Date.UTC(2026, 10, 29, 12, 0, 0) / 1000;

/** @param {Record<string, unknown>} changes */
export const cluster = (changes = {}) =>
  readCluster({
    name: "demo",
    state: "running",
    generation: 3,
    kind: "reconcile",
    phase: "machines",
    percent: 25,
    startedAt: at(0),
    caller: "ada",
    group: "demo-rg",
    phases: [
      { name: "network", state: "done", startedAt: at(0), seconds: 10 },
      { name: "machines", state: "running", startedAt: at(10), seconds: null },
      { name: "nodes", state: "pending", startedAt: null, seconds: null },
    ],
    nodes: [node("demo-etcd-0", "etcd", "waiting"), node("demo-worker-0", "worker", "ready")],
    spec: { location: "westeurope", kubernetes: { version: "1.36.1" } },
    ...changes,
  });

/** @param {Record<string, unknown>} changes */
export const timeline = (changes = {}) =>
  readTimeline({
    startedAt: at(0),
    endedAt: null,
    deployments: [{ name: "net", state: "done", startedAt: at(1), endedAt: at(9) }],
    stages: [{ id: "etcd", name: "Etcd members", state: "running", startedAt: at(50) }],
    reports: [{ time: at(40), nodes: ["demo-worker-0"], further: 0 }],
    ...changes,
  });

/**
 * @param {string} name
 * @param {string} pool
 * @param {string} state
 */
export function node(name, pool, state) {
  const kubernetesVersion = "1.36.1";
  return { name, role: "worker", pool, address: "10.0.0.4", state, kubernetesVersion };
}
