// What the timeline shows, computed from the API's documents: groups of rows, no elements yet.
import { BAR_LOOKS, lookOf, lookUp, PHASE_LOOKS } from "./looks.mjs";
import { seconds } from "./times.mjs";

/** @import { Bar, Cluster, ClusterNode, Corner, Group, Phase, Row, Span, StageName, Timeline } from "./types.d.ts" */

/** More nodes than these are shown by pool: how many had reported, over time. */
export const NODES_AS_ROWS = 24;

/** The state of a stage that the spec leaves out. */
export const SKIPPED = "skipped";

/** @type {Readonly<Record<string, string>>} */
const BAR_STATES = { stopped: "stopped with the operation" };

/**
 * The groups that have rows.
 * @param {Cluster} cluster
 * @param {Timeline} timeline
 * @param {number} now
 * @returns {Group[]}
 */
export function makeGroups(cluster, timeline, now) {
  const end = seconds(timeline.endedAt) ?? now;
  const groups = [
    { key: "phases", title: "Phases", rows: cluster.phases.map((phase) => phaseRow(phase, end)) },
    {
      key: "deployments",
      title: "Deployments",
      rows: timeline.deployments.map((bar) => barRow(bar, end)),
    },
    { key: "nodes", title: "Nodes", rows: nodeRows(cluster, timeline, end) },
    {
      key: "stages",
      title: "Play",
      rows: [
        ...timeline.stages.map((bar) => barRow(bar, end)),
        ...timeline.skipped.map(skippedRow),
      ],
    },
  ];
  return groups.filter((group) => group.rows.length > 0);
}

/**
 * The time that all rows fill; null where no row has a beginning.
 * @param {Row[]} rows
 * @param {Timeline} timeline
 * @param {number} now
 * @returns {Span | null}
 */
export function spanOf(rows, timeline, now) {
  const begins = [...rows.map((row) => row.from), seconds(timeline.startedAt)];
  const ends = [...rows.map((row) => row.to), seconds(timeline.endedAt) ?? now];
  const begin = Math.min(...begins.map((time) => time ?? Infinity));
  const end = Math.max(...ends.map((time) => time ?? -Infinity));
  if (rows.length === 0 || !Number.isFinite(begin)) return null;
  return { begin, length: Math.max(end - begin, 1) };
}

/**
 * @param {Phase} phase
 * @param {number} end
 * @returns {Row}
 */
function phaseRow(phase, end) {
  const from = seconds(phase.startedAt);
  const took = phase.state === "running" ? null : phase.seconds;
  const to = from === null ? null : took === null ? end : from + took;
  const look = lookOf(PHASE_LOOKS, phase.state);
  return { key: phase.name, name: phase.name, look, state: phase.state, from, to };
}

/**
 * @param {Bar} bar
 * @param {number} end
 * @returns {Row}
 */
function barRow(bar, end) {
  return {
    key: `${bar.id} ${bar.startedAt}`,
    name: bar.name,
    look: lookOf(BAR_LOOKS, bar.state),
    state: lookUp(BAR_STATES, bar.state, bar.state),
    from: seconds(bar.startedAt),
    to: seconds(bar.endedAt) ?? end,
  };
}

/**
 * A stage that the spec leaves out has no bar, and is not shown as done.
 * @param {StageName} stage
 * @returns {Row}
 */
function skippedRow({ id, name }) {
  return { key: `skipped ${id}`, name, look: "stopped", state: SKIPPED, from: null, to: null };
}

/**
 * Node name to the time of its report. A node whose name is in no report has the time of the last
 * report that left names out.
 * @param {Cluster} cluster
 * @param {Timeline} timeline
 */
export function readyTimes(cluster, timeline) {
  /** @type {Map<string, number>} */
  const times = new Map();
  let unnamed = null;
  for (const report of timeline.reports) {
    const time = seconds(report.time);
    if (time === null) continue;
    for (const name of report.nodes) times.set(name, time);
    if (report.further) unnamed = time;
  }
  for (const node of cluster.nodes) {
    if (node.state === "ready" && !times.has(node.name) && unnamed !== null) {
      times.set(node.name, unnamed);
    }
  }
  return times;
}

/**
 * Nodes start with the phase that creates machines, else with the one that waits for them.
 * @param {Cluster} cluster
 */
function nodesBegin(cluster) {
  /** @param {string} name */
  const begin = (name) =>
    seconds(cluster.phases.find((phase) => phase.name === name)?.startedAt ?? null);
  return begin("machines") ?? begin("nodes");
}

/**
 * @param {Cluster} cluster
 * @param {Timeline} timeline
 * @param {number} end
 * @returns {Row[]}
 */
function nodeRows(cluster, timeline, end) {
  const from = nodesBegin(cluster);
  if (from === null) return [];
  const times = readyTimes(cluster, timeline);
  const ended = timeline.endedAt !== null;
  if (cluster.nodes.length <= NODES_AS_ROWS) {
    return cluster.nodes.map((node) => nodeRow(node, times, from, end, ended));
  }
  return [...byPool(cluster.nodes)].map(([pool, nodes]) =>
    poolRow(pool, nodes, times, from, end, ended),
  );
}

/**
 * @param {ClusterNode} node
 * @param {Map<string, number>} times
 * @param {number} from
 * @param {number} end
 * @param {boolean} ended
 * @returns {Row}
 */
function nodeRow(node, times, from, end, ended) {
  const time = times.get(node.name);
  const { name, state } = node;
  const unfinished = ended ? "stopped" : "waiting";
  const look = state === "ready" ? "done" : state === "failed" ? "failed" : unfinished;
  const unknown = state === "ready" && time === undefined;
  return { key: name, name, look, state, from: unknown ? null : from, to: time ?? end };
}

/**
 * @param {string} pool
 * @param {ClusterNode[]} nodes
 * @param {Map<string, number>} times
 * @param {number} from
 * @param {number} end
 * @param {boolean} ended
 * @returns {Row}
 */
function poolRow(pool, nodes, times, from, end, ended) {
  const reported = nodes.flatMap((node) => times.get(node.name) ?? []).sort((a, b) => a - b);
  const ready = nodes.filter((node) => node.state === "ready").length;
  const failed = nodes.some((node) => node.state === "failed");
  const all = ready === nodes.length;
  const look = failed ? "failed" : all ? "done" : ended ? "stopped" : "waiting";
  const to = all ? (reported.at(-1) ?? end) : end;
  const state = `${ready} of ${nodes.length} ready`;
  return {
    key: pool,
    name: pool,
    look,
    state,
    from,
    to,
    ramp: ramp(reported, nodes.length, from, to),
  };
}

/**
 * The corners of an area, in shares of its box: the time, and how many of all had reported by then.
 * @param {number[]} reported
 * @param {number} total
 * @param {number} from
 * @param {number} to
 */
function ramp(reported, total, from, to) {
  const width = Math.max(to - from, 1e-9);
  /** @type {Corner[]} */
  const corners = [[0, 1]];
  let height = 1;
  reported.forEach((time, index) => {
    if (reported[index + 1] === time) return; // one corner for all of one report
    const x = Math.min(1, Math.max(0, (time - from) / width));
    corners.push([x, height]);
    height = 1 - (index + 1) / total;
    corners.push([x, height]);
  });
  corners.push([1, height], [1, 1]);
  return corners;
}

/**
 * @param {ClusterNode[]} nodes
 * @returns {Map<string, ClusterNode[]>}
 */
export function byPool(nodes) {
  return Map.groupBy(nodes, (node) => node.pool);
}
