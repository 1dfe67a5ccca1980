import { Api } from "./api.js";
import { byId, setText } from "./elements.js";
import { Events } from "./events.js";
import { openFailure, showChecks, showFailure } from "./failure.js";
import { openNodes, showNodes } from "./nodes.js";
import { Poller } from "./poller.js";
import { isBusy, showSummary } from "./summary.js";
import { showTimeline } from "./timeline.js";
import { duration, seconds } from "./times.js";

// What happens when: the key is asked for, the API is asked, and what it says is shown.

const WHILE_RUNNING = 3;
const AFTERWARDS = 30;
const NOTHING = { startedAt: null, endedAt: null, deployments: [], stages: [], reports: [] };

const base = location.pathname.replace(/\/view\/?$/, "");
const name = decodeURIComponent(base.split("/").at(-1));
const api = new Api(base);
const events = new Events();
const poller = new Poller(look, trouble);
let shown = null;
let timeline = NOTHING;
let heard = null;

async function look() {
  const cluster = await api.cluster();
  const again = shown !== null && shown.generation !== cluster.generation;
  if (again) {
    events.clear();
    timeline = NOTHING;
  }
  const found = await api.events(events.last, cluster.generation);
  const endUntold = !isBusy(cluster) && timeline.endedAt === null;
  // The timeline is made of the events: without a new one it is the same.
  if (again || shown === null || found.events.length > 0 || endUntold) {
    timeline = await api.timeline(cluster.generation);
  }
  if (!api.hasKey) return AFTERWARDS; // it was forgotten meanwhile
  shown = cluster;
  heard = found.events.at(-1)?.time ?? heard;
  open("page");
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
  const now = api.clock.now();
  showSummary(shown, timeline, now);
  showTimeline(shown, timeline, now);
  const silence = heard === null ? null : now - seconds(heard);
  setText(byId("link-state"), isBusy(shown) && silence !== null ? `last event ${duration(silence)} ago` : "");
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
  setText(byId("link-state"), `${error.status ? error.message : "no answer"}; again in ${duration(pause)}`);
  return true;
}

function open(id) {
  byId("door").hidden = id !== "door";
  byId("page").hidden = id !== "page";
}

/** Forgets the key and all that it opened. */
function close(notice) {
  api.forget();
  poller.stop();
  shown = heard = null;
  timeline = NOTHING;
  events.clear();
  byId("log").textContent = "";
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

for (const place of document.querySelectorAll("[data-name]")) setText(place, name);
openFailure();
openNodes((node) => events.search(node));
byId("door-form").addEventListener("submit", (event) => {
  event.preventDefault();
  api.take(byId("key").value.trim());
  byId("key").value = "";
  if (api.hasKey) poller.start();
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
