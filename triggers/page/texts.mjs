// Texts about a run, made from the API's documents; no elements.
import { SKIPPED } from "./bars.mjs";
import { lookUp } from "./looks.mjs";
import { dateAndTime, duration, seconds, stopwatch } from "./times.mjs";

/** @import { Cause, Cluster, ClusterNode, Operation, Row, RunEvent, Timeline } from "./types.d.ts" */

/** @type {Readonly<Record<string, string>>} */
const KINDS = {
  delete: "Removal",
  backup: "Backup",
  replace: "Replacement",
  restore: "Restore",
  upgrade: "Upgrade",
  maintain: "Maintenance",
  rotate: "Rotation",
};

/** @type {Readonly<Record<string, string>>} */
const ENDS = { cancelled: "Cancelled", unreadable: "Record not readable" };

/** @param {Cluster} cluster */
export function isBusy(cluster) {
  return ["running", "deleting", "pending", "suspended"].includes(cluster.state);
}

/**
 * The facts of the head: which operation, since when, how long, by whom.
 * @param {Cluster} cluster
 * @param {Timeline} timeline
 * @param {number} now
 * @returns {Record<string, string>}
 */
export function runFacts(cluster, timeline, now) {
  const startedAt = timeline.startedAt ?? cluster.startedAt;
  const [began, ended] = [seconds(startedAt), seconds(timeline.endedAt)];
  const took = began === null || ended === null ? "" : duration(ended - began);
  const running = began !== null && ended === null && isBusy(cluster);
  return {
    [lookUp(KINDS, cluster.kind, "Operation")]: cluster.generation ? `#${cluster.generation}` : "",
    Started: dateAndTime(startedAt),
    By: cluster.caller,
    Took: took,
    Running: running ? duration(now - began) : "",
    "Resource group": cluster.group,
    Location: cluster.location,
    Kubernetes: kubernetesText(cluster),
    Now: currentTask(cluster),
    Note: cluster.note,
  };
}

/**
 * The version, and whether the play leaves Kubernetes out.
 * @param {Cluster} cluster
 */
function kubernetesText({ kubernetes, stopsAfter, hasKubernetes }) {
  return kubernetes && stopsAfter && !hasKubernetes ? `${kubernetes}, not installed` : kubernetes;
}

/**
 * What Ansible is at, in a line.
 * @param {Cluster} cluster
 */
export function currentTask(cluster) {
  const play = cluster.play;
  if (!isBusy(cluster) || !play) return "";
  return [play.title, play.task, play.host].filter(Boolean).join(" · ");
}

/** @param {Cluster} cluster */
export function progressText(cluster) {
  return isBusy(cluster) && cluster.percent !== null ? `${cluster.percent} %` : "";
}

/**
 * The state, and after which stage the play ends where it leaves out stages.
 * @param {Pick<Cluster, "state" | "stopsAfter">} cluster
 */
export function stateText({ state, stopsAfter }) {
  return stopsAfter ? `${state}, stops after: ${stopsAfter}` : state;
}

/**
 * The texts of an operation in the list of them.
 * @param {Operation} operation
 */
export function operationTexts({ generation, kind, state, startedAt, finishedAt }) {
  const [began, ended] = [seconds(startedAt), seconds(finishedAt)];
  const took = began === null || ended === null ? "" : `took ${duration(ended - began)}`;
  const times = [dateAndTime(startedAt ?? finishedAt), took].filter(Boolean).join(", ");
  return { title: `#${generation} ${lookUp(KINDS, kind, "Operation")}`, state, times };
}

/** @param {Cluster} cluster */
export function documentTitle(cluster) {
  return `${cluster.name} · ${[stateText(cluster), progressText(cluster)].filter(Boolean).join(" ")}`;
}

/**
 * What a screen reader says: a new phase and the end of a run, not every event.
 * @param {Cluster} cluster
 */
export function announcement(cluster) {
  if (!cluster.state) return "";
  if (isBusy(cluster)) {
    return `${cluster.name}: ${cluster.phase ? `phase ${cluster.phase}` : cluster.state}`;
  }
  return `${cluster.name}: ${stateText(cluster)}${cluster.cause ? `, ${cluster.cause.message}` : ""}`;
}

/**
 * The headline of a run that did not succeed, in words. The code stands beside it.
 * @param {string} state the run's or the cluster's
 * @param {Cause} cause
 */
export function failureTitle(state, { phase, place }) {
  const what = lookUp(ENDS, state, "Failed");
  return [what, phase && `in phase ${phase}`, place && `at ${place}`].filter(Boolean).join(" ");
}

/**
 * The facts of a node.
 * @param {ClusterNode} node
 * @param {number | undefined} reported when it reported
 * @param {Timeline} timeline
 * @returns {Record<string, string>}
 */
export function nodeFacts(node, reported, timeline) {
  const began = seconds(timeline.startedAt);
  return {
    State: node.state,
    Role: node.role,
    Pool: node.pool,
    Address: node.address,
    Kubernetes: node.kubernetesVersion,
    "Reported after": reported === undefined || began === null ? "" : duration(reported - began),
  };
}

/**
 * The text of an event, with the names of its nodes where neither `node` nor the text has them.
 * @param {RunEvent} event
 */
export function eventText({ node, nodes, text }) {
  const names = nodes.filter((name) => name !== node && !text.includes(name));
  return names.length > 0 ? `${text}: ${names.join(", ")}` : text;
}

/**
 * The facts of an event, but for its text.
 * @param {RunEvent} event
 * @returns {Record<string, string>}
 */
export function eventFacts(event) {
  return {
    Event: `#${event.seq}`,
    Time: dateAndTime(event.time),
    Phase: event.phase,
    Level: event.level === "info" ? "" : event.level,
    Node: event.node,
    Task: event.task,
  };
}

/**
 * The texts of a row of the timeline: how long it took, what is said of it, and its title.
 * @param {Row} row
 * @param {number} begin the beginning of the run
 */
export function rowTexts(row, begin) {
  const { name, state, from, to } = row;
  if (from === null || to === null) {
    return { took: state === SKIPPED ? SKIPPED : "", spoken: state, title: state };
  }
  const began = `began after ${duration(from - begin)}`;
  return {
    took: stopwatch(to - from),
    spoken: `${state}, ${began}`,
    title: `${name}: ${state}, ${duration(to - from)}, ${began}`,
  };
}
