// What happens when: the page asks for the key or a sign-in, polls the API, and shows the answers.
import { Api, ApiError } from "./api.mjs";
import { NO_CLUSTER, NO_TIMELINE, withKnownPercent } from "./documents.mjs";
import { byId, setText } from "./elements.mjs";
import { Entrance } from "./entrance.mjs";
import { Events } from "./events.mjs";
import { openFailure, showChecks, showFailure, showFindings } from "./failure.mjs";
import { History } from "./history.mjs";
import { openNodes, showNodes } from "./nodes.mjs";
import { Poller } from "./poller.mjs";
import { rememberSignIn, takeReturned } from "./signin.mjs";
import { showSummary } from "./summary.mjs";
import { isBusy } from "./texts.mjs";
import { showTimeline } from "./timeline.mjs";
import { duration, seconds } from "./times.mjs";

/** @import { Cluster } from "./types.d.ts" */

const WHILE_RUNNING = 3;
const AFTERWARDS = 30;

// Before the address is read: at the end of a sign-in, it becomes the page's again.
const returned = takeReturned();
// The host's routes ignore case and may be encoded: the last part of the path is the page's, in any
// spelling.
const PAGE = /\/([^/]*)\/([^/]*)\/([^/]+)\/?$/;
const prefix = location.pathname.replace(PAGE, "");
const clustersPath = location.pathname.replace(PAGE, "/$1");
let name = "";
const api = new Api(prefix, clustersPath.slice(prefix.length));
const events = new Events();
const around = new History(api, addressOf);
const poller = new Poller(poll, onError);
const entrance = new Entrance(api, prefix, { enter: () => poller.start(), leave: close });
/** @type {Cluster | null} */
let shown = null;
let timeline = NO_TIMELINE;
/** @type {string | null} */
let lastEventAt = null;
let problem = "";

/** @param {() => boolean} isCurrent */
async function poll(isCurrent) {
  const cluster = await api.cluster();
  if (!isCurrent()) return AFTERWARDS;
  const isNextRun = shown !== null && shown.generation !== cluster.generation;
  if (isNextRun) {
    events.clear();
    timeline = NO_TIMELINE;
  }
  const fresh = await api.events(events.last, cluster.generation);
  if (!isCurrent()) return AFTERWARDS;
  const endIsUnknown = !isBusy(cluster) && timeline.endedAt === null;
  // The timeline is made of the events: without a new one it is the same.
  if (isNextRun || shown === null || fresh.length > 0 || endIsUnknown) {
    const found = await api.timeline(cluster.generation);
    if (!isCurrent()) return AFTERWARDS;
    timeline = found;
  }
  const isFirst = shown === null;
  const hasEnded = shown !== null && isBusy(shown) && !isBusy(cluster);
  shown = withKnownPercent(cluster, shown);
  problem = "";
  lastEventAt = fresh.at(-1)?.time ?? lastEventAt;
  show("page");
  if (isFirst) byId("title").focus();
  if (isFirst && api.needsToken) rememberSignIn();
  showFailure(cluster);
  showNodes(cluster, timeline);
  showFindings(cluster);
  showChecks(cluster);
  events.add(fresh);
  tick();
  if (isFirst || isNextRun || hasEnded || !isBusy(cluster)) await around.update(name, isCurrent);
  return isBusy(cluster) ? WHILE_RUNNING : AFTERWARDS;
}

/** @param {string} cluster */
function addressOf(cluster) {
  return `${clustersPath}/${encodeURIComponent(cluster)}/view`;
}

/** Reads from the address which cluster to show. */
function readAddress() {
  const part = PAGE.exec(location.pathname)?.[2] ?? "";
  name = decodeURIComponent(part);
  api.choose(part);
  for (const place of document.querySelectorAll("[data-name]")) setText(place, name);
}

/** Shows the cluster of the address to the same reader. */
function showAnother() {
  if (!api.isSignedIn) {
    readAddress();
    entrance.askAgain("");
    return;
  }
  poller.stop();
  clear();
  readAddress();
  poller.start();
}

/** Moves what changes between two answers: bars of what is running, and times. */
function tick() {
  if (shown === null || document.hidden) return;
  const last = seconds(lastEventAt);
  const busy = isBusy(shown);
  const now = busy ? api.clock.now() : (last ?? api.clock.now()); // bars of an ended run do not grow
  showSummary(shown, timeline, now);
  showTimeline(shown, timeline, now);
  const age = busy && last !== null ? `last event ${duration(now - last)} ago` : "";
  setText(byId("link-state"), problem || age);
}

/**
 * @param {unknown} error
 * @param {number} pause
 */
function onError(error, pause) {
  // Another error is a fault of the page itself: it is shown, and the next answer is tried.
  const refused = error instanceof ApiError ? error : new ApiError(0, `the page failed: ${error}`);
  if (refused.isKeyRefused) {
    entrance.askAgain(
      api.needsToken ? "The sign-in has ended, or was refused." : "The session has ended.",
    );
    return false;
  }
  if (shown === null) {
    // Nothing is shown yet that could stay.
    entrance.askAgain(`The cluster could not be loaded: ${refused.message}.`);
    return false;
  }
  problem = `${refused.message}; again in ${duration(pause)}`;
  tick();
  return true;
}

/** @param {"sign-in" | "page"} id */
function show(id) {
  byId("sign-in").hidden = id !== "sign-in";
  byId("page").hidden = id !== "page";
  setText(byId("key-status"), "");
}

/** Removes what the page knows and shows. A session, and a sign-in at Entra ID, go on. */
function close() {
  api.forget();
  poller.stop();
  clear();
  document.title = `${name} · Slipway`;
  show("sign-in");
  entrance.hide();
}

/** Removes everything that is shown of a cluster. */
function clear() {
  shown = lastEventAt = null;
  problem = "";
  timeline = NO_TIMELINE;
  events.forget();
  showFailure(NO_CLUSTER);
  showNodes(NO_CLUSTER, NO_TIMELINE);
  showFindings(NO_CLUSTER);
  showChecks(NO_CLUSTER);
  showSummary(NO_CLUSTER, NO_TIMELINE, 0);
  showTimeline(NO_CLUSTER, NO_TIMELINE, 0);
  around.clear();
}

/**
 * Removes the query and the fragment from the address. A key in an address is a key in histories and
 * logs, so it is not used.
 */
function cleanAddress() {
  const removed = location.search + location.hash;
  if (removed) history.replaceState(null, "", location.pathname);
  return /(?:code|key)=/i.test(removed)
    ? "The address held a key. It was removed and not used. The browser's history and logs on the way may still have it."
    : "";
}

byId("loading").remove();
readAddress();
openFailure();
around.open((cluster) => {
  history.pushState(null, "", addressOf(cluster));
  showAnother();
});
addEventListener("popstate", showAnother);
openNodes((node) => events.search(node));
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("events-title").focus();
});
// A page that the browser keeps for the Back button would keep what it shows.
addEventListener("pagehide", close);
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
setInterval(tick, 1000);
close();
await entrance.open(returned, cleanAddress());
