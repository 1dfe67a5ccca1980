// The shapes of the data that the page's modules pass to each other. Only the type checker reads this
// file; it is not served.

/** The six looks of a state: a sign, a colour and a CSS class. */
export type Look = "done" | "running" | "waiting" | "failed" | "stopped" | "pending";

export interface Level {
  severity: number;
  sign: string;
  look: string;
}

/** How callers identify themselves, where the API takes tokens: `access` is keys, keys-and-tokens or tokens. */
export interface SignIn {
  access: string;
  authority: string;
  clientId: string;
}

/** The end of a sign-in: a code and the verifier that belongs to it, or why there is none. */
export interface Returned {
  code: string;
  verifier: string;
  problem: string;
}

/** A JSON object of which nothing is known. */
export type Fields = Record<string, unknown>;

/**
 * Of the API's documents, what the page shows. Every `state` and `kind` may be one that it does not know. `percent` is
 * null while the API does not know it.
 */
export interface Cluster {
  name: string;
  state: string;
  /** The id of the stage after which the play ends early; empty if it runs all stages. */
  stopsAfter: string;
  generation: number;
  kind: string;
  phase: string;
  percent: number | null;
  phases: Phase[];
  nodes: ClusterNode[];
  play: Play | null;
  checks: Check[];
  /** What a maintenance found wrong. */
  findings: HealthFinding[];
  cause: Cause | null;
  note: string;
  startedAt: string | null;
  caller: string;
  group: string;
  location: string;
  kubernetes: string;
  hasKubernetes: boolean;
}

/** A cluster as one line of the list. */
export interface ListedCluster {
  name: string;
  state: string;
  stopsAfter: string;
}

/** An operation as one line of the list. */
export interface Operation {
  generation: number;
  kind: string;
  state: string;
  startedAt: string | null;
  finishedAt: string | null;
  cause: string;
}

/** A part of the list of operations; `next` continues it. */
export interface Operations {
  operations: Operation[];
  next: number | null;
}

export interface Phase {
  name: string;
  state: string;
  startedAt: string | null;
  seconds: number | null;
}

export interface ClusterNode {
  name: string;
  role: string;
  pool: string;
  address: string;
  state: string;
  /** That the node was last seen with; empty if it was not. */
  kubernetesVersion: string;
}

/** `stage` is the id of the stage for programs, `title` its name for people. */
export interface Play {
  stage: string;
  title: string;
  task: string;
  host: string;
}

export interface Check {
  name: string;
  ok: boolean;
  detail: string;
}

export interface HealthFinding {
  code: string;
  subject: string;
  detail: string;
  nextStep: string;
}

export interface Cause {
  code: string;
  phase: string;
  place: string;
  message: string;
  nextStep: string;
  logTail: string;
}

export interface Timeline {
  startedAt: string | null;
  endedAt: string | null;
  deployments: Bar[];
  stages: Bar[];
  skipped: StageName[];
  reports: Report[];
}

/** A stage that the run's spec leaves out. */
export interface StageName {
  id: string;
  name: string;
}

/** A deployment or a play stage. `id` is for programs, `name` for people. */
export interface Bar {
  id: string;
  name: string;
  state: string;
  startedAt: string | null;
  endedAt: string | null;
}

/** The nodes that reported at that time, and how many more did whose names are not known. */
export interface Report {
  time: string | null;
  nodes: string[];
  further: number;
}

/** `node`: where the event is about one node; `nodes`: all names. `search` is what the text filter reads. */
export interface RunEvent {
  seq: number;
  time: string | null;
  phase: string;
  level: string;
  node: string;
  nodes: string[];
  task: string;
  text: string;
  search: string;
}

export interface Filter {
  text: string;
  level: string;
  phase: string;
}

/**
 * A row of the timeline. `state` is in words. `from` and `to` are seconds since 1970, null where they are
 * not known. `ramp`: the corners of an area instead of a bar, in shares of its box.
 */
export interface Row {
  key: string;
  name: string;
  look: Look;
  state: string;
  from: number | null;
  to: number | null;
  ramp?: Corner[];
}

export type Corner = [x: number, y: number];

export interface Group {
  key: string;
  title: string;
  rows: Row[];
}

/** The time that the timeline covers, in seconds. */
export interface Span {
  begin: number;
  length: number;
}

/**
 * Polls once and shows what was found; returns the seconds until the next time. When the session has
 * ended (`isCurrent()` is false), the function leaves the answers alone.
 */
export type Poll = (isCurrent: () => boolean) => Promise<number>;

/** Receives the error of a poll and the pause after it; returns false to end the polling. */
export type OnError = (error: unknown, pause: number) => boolean;

/** A value of an attribute or a text; null and undefined are none. */
export type Value = string | number | null | undefined;
