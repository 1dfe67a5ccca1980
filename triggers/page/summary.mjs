import { byId, setAttributes, setText, showFacts } from "./elements.mjs";
import { dateAndTime, duration, seconds } from "./times.mjs";

// The head of the page: which cluster, in what state, how far, since when.

const LOOKS = {
  running: "running",
  deleting: "running",
  ready: "done",
  failed: "failed",
  cancelled: "stopped",
  deleted: "stopped",
};
const KINDS = { reconcile: "Launch", delete: "Removal" };
let announced = "";

export function isBusy(cluster) {
  return cluster.state === "running" || cluster.state === "deleting";
}

export function showSummary(cluster, timeline, now) {
  const look = LOOKS[cluster.state] ?? "pending";
  setAttributes(byId("state"), { class: `pill ${look}` });
  setText(byId("state"), cluster.state);
  setText(byId("percent"), isBusy(cluster) ? `${cluster.percent} %` : "");
  showProgress(cluster, look);
  const began = seconds(timeline.startedAt ?? cluster.startedAt);
  const ended = seconds(timeline.endedAt);
  const spec = cluster.spec ?? {};
  showFacts(byId("facts"), {
    [KINDS[cluster.kind] ?? "Run"]: cluster.generation ? `#${cluster.generation}` : "",
    Started: dateAndTime(timeline.startedAt ?? cluster.startedAt),
    By: cluster.caller,
    Took: ended !== null && began !== null ? duration(ended - began) : "",
    Running: ended === null && began !== null && isBusy(cluster) ? duration(now - began) : "",
    "Resource group": cluster.group,
    Location: spec.location,
    Kubernetes: spec.kubernetes?.version,
    Now: nowDoing(cluster),
    Note: cluster.note,
  });
  document.title = `${cluster.name} · ${cluster.state}${isBusy(cluster) ? ` ${cluster.percent} %` : ""}`;
  announce(cluster);
}

function showProgress(cluster, look) {
  const bar = byId("progress");
  bar.hidden = !cluster.kind;
  setAttributes(bar, { class: `progress ${look}`, "aria-valuenow": cluster.percent });
  bar.firstElementChild.style.width = `${cluster.percent}%`;
}

/** What Ansible is at, in a line. */
function nowDoing(cluster) {
  const play = cluster.play;
  if (!isBusy(cluster) || !play) return "";
  return [play.stage, play.task, play.host].filter(Boolean).join(" · ");
}

/** Screen readers hear of a new phase and of the end, not of every event. */
function announce(cluster) {
  if (!cluster.state) {
    announced = "";
    setText(byId("announce"), "");
    return;
  }
  const said = isBusy(cluster)
    ? `${cluster.name}: ${cluster.phase ? `phase ${cluster.phase}` : cluster.state}`
    : `${cluster.name}: ${cluster.state}${cluster.cause ? `, ${cluster.cause.message}` : ""}`;
  if (said !== announced) setText(byId("announce"), said);
  announced = said;
}
