import { seconds } from "./times.mjs";

// What the timeline shows, worked out of the API's documents: groups of rows, no elements yet.
// A row: key, name, kind (its look), said (its state in words), from and to in seconds, or a ramp.

/** More nodes than these are shown by pool: how many had reported, over time. */
export const NODES_AS_ROWS = 24;

const PHASE_LOOKS = { pending: "pending", running: "running", done: "done", failed: "failed", cancelled: "stopped" };
const BAR_SAID = { running: "running", done: "done", failed: "failed", stopped: "stopped with the run" };

export function makeGroups(cluster, timeline, now) {
  const end = seconds(timeline.endedAt) ?? now;
  const groups = [
    { key: "phases", title: "Phases", rows: cluster.phases.map((phase) => phaseRow(phase, end)) },
    { key: "deployments", title: "Deployments", rows: timeline.deployments.map((bar) => barRow(bar, end)) },
    { key: "nodes", title: "Nodes", rows: nodeRows(cluster, timeline, end) },
    { key: "stages", title: "Play", rows: timeline.stages.map((bar) => barRow(bar, end)) },
  ];
  return groups.filter((group) => group.rows.length > 0);
}

function phaseRow(phase, end) {
  const from = seconds(phase.startedAt);
  const known = phase.seconds !== null && phase.seconds !== undefined && phase.state !== "running";
  const to = from === null ? null : known ? from + phase.seconds : end;
  return { key: phase.name, name: phase.name, kind: PHASE_LOOKS[phase.state] ?? "pending", said: phase.state, from, to };
}

function barRow(bar, end) {
  const from = seconds(bar.startedAt);
  return { key: `${bar.name} ${bar.startedAt}`, name: bar.name, kind: bar.state, said: BAR_SAID[bar.state], from, to: seconds(bar.endedAt) ?? end };
}

/** Node to the time it was heard. Of those whose names did not travel, the report's time counts. */
export function readyTimes(cluster, timeline) {
  const times = new Map();
  let unnamed = null;
  for (const report of timeline.reports) {
    const time = seconds(report.time);
    for (const name of report.nodes) times.set(name, time);
    if (report.further) unnamed = time;
  }
  for (const node of cluster.nodes) {
    if (node.state === "ready" && !times.has(node.name) && unnamed !== null) times.set(node.name, unnamed);
  }
  return times;
}

/** Nodes are on their way from when machines are made, else from when they are waited for. */
function nodesBegin(cluster) {
  const phase = (name) => seconds(cluster.phases.find((found) => found.name === name)?.startedAt);
  return phase("machines") ?? phase("nodes");
}

function nodeRows(cluster, timeline, end) {
  const from = nodesBegin(cluster);
  if (from === null) return [];
  const times = readyTimes(cluster, timeline);
  if (cluster.nodes.length <= NODES_AS_ROWS) return cluster.nodes.map((node) => nodeRow(node, times, from, end, timeline));
  return [...byPool(cluster.nodes)].map(([pool, nodes]) => poolRow(pool, nodes, times, from, end, timeline));
}

function nodeRow(node, times, from, end, timeline) {
  const to = times.get(node.name);
  const over = timeline.endedAt !== null;
  const kind = node.state === "ready" ? "done" : node.state === "failed" ? "failed" : over ? "stopped" : "waiting";
  const untimed = node.state === "ready" && to === undefined;
  return { key: node.name, name: node.name, kind, said: node.state, from: untimed ? null : from, to: to ?? end };
}

function poolRow(pool, nodes, times, from, end, timeline) {
  const heard = nodes.map((node) => times.get(node.name)).filter((time) => time !== undefined).sort((a, b) => a - b);
  const ready = nodes.filter((node) => node.state === "ready").length;
  const failed = nodes.some((node) => node.state === "failed");
  const all = ready === nodes.length;
  const kind = failed ? "failed" : all ? "done" : timeline.endedAt !== null ? "stopped" : "waiting";
  const to = all && heard.length ? heard.at(-1) : end;
  return { key: pool, name: pool, kind, said: `${ready} of ${nodes.length} ready`, from, to, ramp: ramp(heard, nodes.length, from, to) };
}

/** Corners of an area in shares of its box: the time, and how many of all had reported by then. */
function ramp(heard, total, from, to) {
  const width = Math.max(to - from, 1e-9);
  const corners = [[0, 1]];
  heard.forEach((time, index) => {
    if (heard[index + 1] === time) return; // one corner for all of one report
    const x = Math.min(1, Math.max(0, (time - from) / width));
    corners.push([x, corners.at(-1)[1]], [x, 1 - (index + 1) / total]);
  });
  corners.push([1, corners.at(-1)[1]], [1, 1]);
  return corners;
}

export function byPool(nodes) {
  const pools = new Map();
  for (const node of nodes) {
    const pool = node.pool || node.role;
    if (!pools.has(pool)) pools.set(pool, []);
    pools.get(pool).push(node);
  }
  return pools;
}
