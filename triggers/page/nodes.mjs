import { byPool, readyTimes } from "./bars.mjs";
import { byId, keyed, make, setAttributes, setText, showFacts } from "./elements.mjs";
import { duration, seconds } from "./times.mjs";

// A cell per node, by pool. One Tab stop a pool; arrows, Home and End go from cell to cell, and the
// cell that has the focus is the one that is told of.

const LOOKS = {
  ready: "done",
  failed: "failed",
  silent: "failed",
  waiting: "waiting",
  deploying: "running",
  removing: "stopped",
  planned: "pending",
};
const LEGEND = Object.keys(LOOKS);
let chosen = null;
let last = null;

/** `showEvents(name)` is asked to show the events of a node. */
export function openNodes(showEvents) {
  const pools = byId("pools");
  pools.addEventListener("keydown", move);
  pools.addEventListener("focusin", (event) => event.target.dataset.node && choose(event.target.dataset.node));
  pools.addEventListener("click", (event) => event.target.dataset.node && event.target.focus());
  const button = make("button", { type: "button" }, "Show its events");
  button.addEventListener("click", () => showEvents(chosen));
  byId("node").append(make("h3"), make("dl", { class: "facts" }), button);
}

export function showNodes(cluster, timeline) {
  last = { cluster, timeline };
  byId("nodes-section").hidden = cluster.nodes.length === 0;
  const count = (state) => cluster.nodes.filter((node) => node.state === state).length;
  setText(byId("nodes-count"), `${count("ready")} of ${cluster.nodes.length} ready`);
  keyed(
    byId("legend"),
    LEGEND.filter((state) => count(state) > 0),
    (state) => state,
    (state) => make("li", {}, make("span", { class: `cell ${LOOKS[state]}` }), make("span")),
    (node, state) => setText(node.lastElementChild, `${state} ${count(state)}`),
  );
  keyed(byId("pools"), [...byPool(cluster.nodes)], ([pool]) => pool, makePool, showPool);
  tell();
}

function makePool([pool]) {
  return make(
    "div",
    { class: "pool" },
    make("h3", {}, pool, make("span", { class: "number" })),
    make("div", { class: "cells", role: "listbox", "aria-orientation": "horizontal", "aria-label": `Nodes of ${pool}` }),
  );
}

function showPool(box, [, nodes]) {
  const [head, cells] = box.children;
  const ready = nodes.filter((node) => node.state === "ready").length;
  setText(head.lastElementChild, `${ready}/${nodes.length}`);
  keyed(
    cells,
    nodes,
    (node) => node.name,
    (node) => make("div", { role: "option", "data-node": node.name, tabindex: "-1" }),
    (cell, node) => {
      const label = `${node.name}, ${node.state}`;
      setAttributes(cell, {
        class: `cell ${LOOKS[node.state] ?? "pending"}`,
        "aria-label": label,
        title: label,
        "aria-selected": String(node.name === chosen),
      });
    },
  );
  // Tab comes back to where it was, else to the first.
  if (!cells.querySelector('[tabindex="0"]')) setAttributes(cells.firstElementChild, { tabindex: "0" });
}

function move(event) {
  const cell = event.target.closest(".cell");
  if (!cell) return;
  const cells = [...cell.parentElement.children];
  const here = cells.indexOf(cell);
  const column = Math.max(1, cells.filter((other) => other.offsetTop === cells[0].offsetTop).length);
  const to = { ArrowLeft: here - 1, ArrowRight: here + 1, ArrowUp: here - column, ArrowDown: here + column, Home: 0, End: cells.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  cells[Math.min(cells.length - 1, Math.max(0, to))].focus();
}

function choose(name) {
  chosen = name;
  for (const cell of byId("pools").querySelectorAll(".cell")) {
    const is = cell.dataset.node === name;
    setAttributes(cell, { "aria-selected": String(is) });
    if (is) {
      for (const other of cell.parentElement.querySelectorAll('[tabindex="0"]')) setAttributes(other, { tabindex: "-1" });
      setAttributes(cell, { tabindex: "0" });
    }
  }
  tell();
}

function tell() {
  const node = last.cluster.nodes.find((found) => found.name === chosen);
  const box = byId("node");
  box.hidden = !node;
  setText(box.children[0], node?.name);
  showFacts(box.children[1], node ? facts(node) : {});
}

function facts(node) {
  const heard = readyTimes(last.cluster, last.timeline).get(node.name);
  const began = seconds(last.timeline.startedAt);
  return {
    State: node.state,
    Role: node.role,
    Pool: node.pool,
    Address: node.address,
    "Heard after": heard === undefined || began === null ? "" : duration(heard - began),
  };
}
