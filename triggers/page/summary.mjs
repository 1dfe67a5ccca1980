// The head of the page: which cluster, in what state, how far, since when.
import { byId, childOf, setAttributes, setText, showFacts } from "./elements.mjs";
import { CLUSTER_LOOKS, lookOf } from "./looks.mjs";
import { announcement, documentTitle, progressText, runFacts, stateText } from "./texts.mjs";

/** @import { Cluster, Look, Timeline } from "./types.d.ts" */

let announced = "";

/**
 * @param {Cluster} cluster
 * @param {Timeline} timeline
 * @param {number} now
 */
export function showSummary(cluster, timeline, now) {
  const isPart = cluster.state === "ready" && cluster.stopsAfter !== "";
  const look = isPart ? "stopped" : lookOf(CLUSTER_LOOKS, cluster.state);
  setAttributes(byId("state"), { class: `pill ${look}` });
  setText(byId("state"), stateText(cluster));
  setText(byId("percent"), progressText(cluster));
  showProgress(cluster, look);
  showFacts(byId("facts"), runFacts(cluster, timeline, now));
  document.title = documentTitle(cluster);
  // Once: what was said is not said again with every second.
  const text = announcement(cluster);
  if (text !== announced) setText(byId("announce"), text);
  announced = text;
}

/**
 * @param {Cluster} cluster
 * @param {Look} look
 */
function showProgress(cluster, look) {
  const bar = byId("progress");
  bar.hidden = !cluster.kind;
  setAttributes(bar, { class: `progress ${look}`, "aria-valuenow": cluster.percent });
  childOf(bar, 0).style.width = `${cluster.percent ?? 0}%`;
}
