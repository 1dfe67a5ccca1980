// What happens when: the page asks for the key or a sign-in, polls the API with it, and shows the answers.
import { Api, ApiError } from "./api.mjs";
import { NO_CLUSTER, NO_TIMELINE, withKnownPercent } from "./documents.mjs";
import { byId, setText } from "./elements.mjs";
import { Events } from "./events.mjs";
import { openFailure, showChecks, showFailure } from "./failure.mjs";
import { History } from "./history.mjs";
import { openNodes, showNodes } from "./nodes.mjs";
import { Poller } from "./poller.mjs";
import { begin, finish, readSignIn, takeReturned } from "./signin.mjs";
import { showSummary } from "./summary.mjs";
import { isBusy } from "./texts.mjs";
import { showTimeline } from "./timeline.mjs";
import { duration, seconds } from "./times.mjs";

/** @import { Cluster, Returned, SignIn } from "./types.d.ts" */

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
const keyField = /** @type {HTMLInputElement} */ (byId("key"));
const api = new Api(clustersPath);
const events = new Events();
const around = new History(api, addressOf);
const poller = new Poller(poll, onError);
/** @type {Cluster | null} */
let shown = null;
let timeline = NO_TIMELINE;
/** @type {string | null} */
let lastEventAt = null;
let problem = "";
/** @type {SignIn | null} */
let way = null;

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
  showFailure(cluster);
  showNodes(cluster, timeline);
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

/** Shows the cluster of the address with the same key. */
function showAnother() {
  if (!api.isSignedIn) {
    readAddress();
    askForKey("");
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
    askForKey(
      isByToken() ? "The sign-in has ended, or was refused." : "The API rejected this key.",
    );
    return false;
  }
  if (shown === null) {
    // Nothing is shown yet that could stay.
    askForKey(`The run could not be loaded: ${refused.message}.`);
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

/**
 * Forgets the key and everything that it opened.
 * @param {string} notice
 */
function askForKey(notice) {
  api.forget();
  poller.stop();
  clear();
  document.title = `${name} · Slipway`;
  show("sign-in");
  showNotice(notice);
  showWays();
}

/** Removes everything that is shown of a cluster. */
function clear() {
  shown = lastEventAt = null;
  problem = "";
  timeline = NO_TIMELINE;
  events.forget();
  showFailure(NO_CLUSTER);
  showNodes(NO_CLUSTER, NO_TIMELINE);
  showChecks(NO_CLUSTER);
  showSummary(NO_CLUSTER, NO_TIMELINE, 0);
  showTimeline(NO_CLUSTER, NO_TIMELINE, 0);
  around.clear();
}

function isByToken() {
  return way !== null && way.access === "tokens";
}

/** Shows how to identify oneself: by the key unless the API takes tokens only. */
function showWays() {
  const button = byId("token-sign-in");
  button.hidden = way === null || way.access === "keys";
  byId("key-form").hidden = isByToken();
  (isByToken() ? button : keyField).focus();
}

/** @param {Returned | null} ended the end of a sign-in */
async function prepare(ended) {
  way = await readSignIn(prefix);
  showWays();
  if (ended === null) return;
  if (way === null || ended.code === "") {
    showNotice(ended.problem || "The API takes no sign-in.");
    return;
  }
  const token = await finish(way, prefix, ended);
  api.setToken(token);
  if (!token) showNotice("The sign-in failed. Sign in again.");
  else if (isByToken()) poller.start();
  else byId("token-sign-in").hidden = true; // the key is needed besides
}

/** @param {string} notice */
function showNotice(notice) {
  setText(byId("key-notice"), notice);
  byId("key-notice").hidden = !notice;
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
byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  api.setKey(keyField.value.trim());
  keyField.value = "";
  if (!api.hasKey) return;
  showNotice("");
  setText(byId("key-status"), "Loading the run…");
  poller.start();
});
byId("forget").addEventListener("click", () => askForKey(""));
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("events-title").focus();
});
// A page that the browser keeps for the Back button would keep the key.
addEventListener("pagehide", () => askForKey(""));
setInterval(tick, 1000);
byId("token-sign-in").addEventListener("click", async () => {
  if (way !== null) await begin(way, prefix);
});
askForKey(cleanAddress());
await prepare(returned);
