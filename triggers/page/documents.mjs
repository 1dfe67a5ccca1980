// Reads the API's JSON leniently. A field that is missing or has another type becomes a default; a
// field that this page does not know is left out; a state or kind that it does not know stays as
// its text. So a page and an API of different versions work together.
import { fields, isDocument, list, number, percentage, text, texts, time } from "./values.mjs";

/** @import { Bar, Cause, Check, Cluster, ClusterNode, Fields, ListedCluster, Operation, Operations, Phase, Play, Report, RunEvent, StageName, Timeline } from "./types.d.ts" */

/** The documents of a cluster of which nothing is known. */
export const NO_CLUSTER = readCluster({});
export const NO_TIMELINE = readTimeline({});

/**
 * @param {unknown} value
 * @returns {Cluster}
 */
export function readCluster(value) {
  const found = fields(value);
  const spec = fields(found.spec);
  return {
    name: text(found.name),
    state: text(found.state),
    stopsAfter: text(found.stopsAfter),
    generation: number(found.generation) ?? 0,
    kind: text(found.kind),
    phase: text(found.phase),
    percent: percentage(found.percent),
    phases: list(found.phases).map(readPhase),
    nodes: list(found.nodes).map(readNode),
    play: isDocument(found.play) ? readPlay(found.play) : null,
    checks: list(found.checks).map(readCheck),
    findings: list(found.findings).map(readFinding),
    cause: isDocument(found.cause) ? readCause(found.cause) : null,
    note: text(found.note),
    startedAt: time(found.startedAt),
    caller: text(found.caller),
    group: text(found.group),
    location: text(spec.location),
    kubernetes: text(fields(spec.kubernetes).version),
    hasKubernetes: isDocument(found.access),
  };
}

/**
 * The cluster with the progress that its run had before, if the answer does not have it.
 * @param {Cluster} cluster
 * @param {Cluster | null} before
 * @returns {Cluster}
 */
export function withKnownPercent(cluster, before) {
  const isSameRun = before?.generation === cluster.generation;
  return isSameRun ? { ...cluster, percent: cluster.percent ?? before.percent } : cluster;
}

/**
 * @param {unknown} value
 * @returns {Timeline}
 */
export function readTimeline(value) {
  const found = fields(value);
  return {
    startedAt: time(found.startedAt),
    endedAt: time(found.endedAt),
    deployments: list(found.deployments).map(readBar),
    stages: list(found.stages).map(readBar),
    skipped: list(found.skipped).map(readStageName),
    reports: list(found.reports).map(readReport),
  };
}

/**
 * Leaves out what has no number: the numbers say which events are new.
 * @param {unknown} value
 * @returns {RunEvent[]}
 */
export function readEvents(value) {
  return list(fields(value).events)
    .filter((event) => number(event.seq) !== null)
    .map(readEvent);
}

/**
 * @param {Fields} found
 * @returns {RunEvent}
 */
function readEvent(found) {
  const [node, task, words] = [text(found.node), text(found.task), text(found.text)];
  const nodes = texts(found.nodes);
  const names = [node, ...nodes, text(found.subject), task];
  return {
    seq: number(found.seq) ?? 0,
    time: time(found.time),
    phase: text(found.phase),
    level: text(found.level) || "info",
    node,
    nodes,
    task,
    text: words,
    search: [...names, words].filter(Boolean).join(" ").toLowerCase(),
  };
}

/**
 * Leaves out what has no name.
 * @param {unknown} value
 * @returns {ListedCluster[]}
 */
export function readClusters(value) {
  const found = list(fields(value).clusters).map((one) => ({
    name: text(one.name),
    state: text(one.state),
    stopsAfter: text(one.stopsAfter),
  }));
  return found.filter((one) => one.name !== "");
}

/**
 * @param {unknown} value
 * @returns {Operations}
 */
export function readOperations(value) {
  const found = fields(value);
  const operations = list(found.operations).filter((one) => number(one.generation) !== null);
  return { operations: operations.map(readOperation), next: number(found.next) };
}

/**
 * @param {Fields} found
 * @returns {Operation}
 */
function readOperation(found) {
  return {
    generation: number(found.generation) ?? 0,
    kind: text(found.kind),
    state: text(found.state),
    startedAt: time(found.startedAt),
    finishedAt: time(found.finishedAt),
    cause: text(found.cause),
  };
}

/**
 * @param {Fields} found
 * @returns {Phase}
 */
function readPhase(found) {
  return {
    name: text(found.name),
    state: text(found.state),
    startedAt: time(found.startedAt),
    seconds: number(found.seconds),
  };
}

/**
 * @param {Fields} found
 * @returns {ClusterNode}
 */
function readNode(found) {
  return {
    name: text(found.name),
    role: text(found.role),
    pool: text(found.pool) || text(found.role),
    address: text(found.address),
    state: text(found.state),
    kubernetesVersion: text(found.kubernetesVersion),
  };
}

/**
 * @param {unknown} value
 * @returns {Play}
 */
function readPlay(value) {
  const found = fields(value);
  const stage = text(found.stage);
  return {
    stage,
    title: text(found.title) || stage,
    task: text(found.task),
    host: text(found.host),
  };
}

/**
 * @param {Fields} found
 * @returns {Check}
 */
function readCheck(found) {
  return { name: text(found.name), ok: found.ok === true, detail: text(found.detail) };
}

/** @param {Fields} found */
function readFinding(found) {
  return {
    code: text(found.code),
    subject: text(found.subject),
    detail: text(found.detail),
    nextStep: text(found.nextStep),
  };
}

/**
 * @param {unknown} value
 * @returns {Cause}
 */
function readCause(value) {
  const found = fields(value);
  return {
    code: text(found.code),
    phase: text(found.phase),
    place: text(found.place),
    message: text(found.message),
    nextStep: text(found.nextStep),
    logTail: text(found.logTail),
  };
}

/**
 * @param {Fields} found
 * @returns {Bar}
 */
function readBar(found) {
  return {
    ...readStageName(found),
    state: text(found.state),
    startedAt: time(found.startedAt),
    endedAt: time(found.endedAt),
  };
}

/**
 * @param {Fields} found
 * @returns {StageName}
 */
function readStageName(found) {
  const [id, name] = [text(found.id), text(found.name)];
  return { id: id || name, name: name || id };
}

/**
 * @param {Fields} found
 * @returns {Report}
 */
function readReport(found) {
  return {
    time: time(found.time),
    nodes: texts(found.nodes),
    further: number(found.further) ?? 0,
  };
}
