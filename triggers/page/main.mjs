import { Api } from "./api.mjs";
import { byId, setText } from "./elements.mjs";
import { Events } from "./events.mjs";
import { openFailure, showChecks, showFailure } from "./failure.mjs";
import { openNodes, showNodes } from "./nodes.mjs";
import { Poller } from "./poller.mjs";
import { isBusy, showSummary } from "./summary.mjs";
import { showTimeline } from "./timeline.mjs";
import { duration, seconds } from "./times.mjs";

// What happens when: the key is asked for, the API is asked, and what it says is shown.

const WHILE_RUNNING = 3;
const AFTERWARDS = 30;
const NOTHING = { startedAt: null, endedAt: null, deployments: [], stages: [], reports: [] };

// What is shown of a cluster that is not known: the same as is left of one that was forgotten.
const NOBODY = { name: "", state: "", kind: null, percent: 0, phases: [], nodes: [], checks: [], cause: null };

// The host's routes have no case, and may be encoded: the last part is the page, however it is spelled.
const base = location.pathname.replace(/\/[^/]+\/?$/, "");
const name = decodeURIComponent(base.split("/").at(-1));
const api = new Api(base);
const events = new Events();
const poller = new Poller(look, trouble);
let shown = null;
let timeline = NOTHING;
let heard = null;
let wrong = "";

async function look(isCurrent) {
  const cluster = await api.cluster();
  if (!isCurrent()) return AFTERWARDS;
  const again = shown !== null && shown.generation !== cluster.generation;
  if (again) {
    events.clear();
    timeline = NOTHING;
  }
  const found = await api.events(events.last, cluster.generation);
  if (!isCurrent()) return AFTERWARDS;
  const endUntold = !isBusy(cluster) && timeline.endedAt === null;
  // The timeline is made of the events: without a new one it is the same.
  if (again || shown === null || found.events.length > 0 || endUntold) {
    const told = await api.timeline(cluster.generation);
    if (!isCurrent()) return AFTERWARDS;
    timeline = told;
  }
  const isFirst = shown === null;
  shown = cluster;
  wrong = "";
  heard = found.events.at(-1)?.time ?? heard;
  open("page");
  if (isFirst) byId("title").focus();
  showFailure(cluster);
  showNodes(cluster, timeline);
  showChecks(cluster);
  events.add(found.events);
  tick();
  return isBusy(cluster) ? WHILE_RUNNING : AFTERWARDS;
}

/** What goes on between two answers: running bars and times. */
function tick() {
  if (shown === null || document.hidden) return;
  const last = heard === null ? null : seconds(heard);
  const busy = isBusy(shown);
  const now = busy ? api.clock.now() : (last ?? api.clock.now()); // bars of what ended grow no more
  showSummary(shown, timeline, now);
  showTimeline(shown, timeline, now);
  setText(byId("link-state"), wrong || (busy && last !== null ? `last event ${duration(now - last)} ago` : ""));
}

function trouble(error, pause) {
  if (error.isKeyRefused) {
    close("The API does not take this key.");
    return false;
  }
  if (shown === null) {
    // Nothing is there yet to keep: the key is asked for again, so that a wrong name is seen too.
    close(error.status ? `The API answered: ${error.message}.` : "The API does not answer.");
    return false;
  }
  wrong = `${error.status ? error.message : "no answer"}; again in ${duration(pause)}`;
  tick();
  return true;
}

function open(id) {
  byId("door").hidden = id !== "door";
  byId("page").hidden = id !== "page";
  setText(byId("door-wait"), "");
}

/** Forgets the key and all that it opened. */
function close(notice) {
  api.forget();
  poller.stop();
  shown = heard = null;
  wrong = "";
  timeline = NOTHING;
  events.forget();
  for (const show of [showFailure, showNodes, showChecks, showSummary, showTimeline]) show(NOBODY, NOTHING, 0);
  document.title = `${name} · Slipway`;
  open("door");
  setText(byId("door-notice"), notice);
  byId("door-notice").hidden = !notice;
  byId("key").focus();
}

/** A key in an address is a key in histories and logs: it is not used, and it is taken out. */
function cleanAddress() {
  const told = location.search + location.hash;
  if (told) history.replaceState(null, "", location.pathname);
  return /(?:code|key)=/i.test(told)
    ? "The address held a key. It was taken out and not used; the browser's history and the logs on the way may still have it."
    : "";
}

byId("loading").remove();
for (const place of document.querySelectorAll("[data-name]")) setText(place, name);
openFailure();
openNodes((node) => events.search(node));
byId("door-form").addEventListener("submit", (event) => {
  event.preventDefault();
  api.take(byId("key").value.trim());
  byId("key").value = "";
  if (!api.hasKey) return;
  setText(byId("door-notice"), "");
  byId("door-notice").hidden = true;
  setText(byId("door-wait"), "Asking the API…");
  poller.start();
});
byId("forget").addEventListener("click", () => close(""));
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("events-title").focus();
});
// Who goes back to the page is asked again: a page that the browser keeps would keep the key.
addEventListener("pagehide", () => close(""));
setInterval(tick, 1000);
close(cleanAddress());
