// A cell for each node, by pool. A pool is one stop of the Tab key; arrows, Home and End go from cell to
// cell, and the cell that has the focus is the one whose facts are shown.
import { byPool, readyTimes } from "./bars.mjs";
import { NO_CLUSTER, NO_TIMELINE } from "./documents.mjs";
import { byId, childOf, keyed, make, setAttributes, setText, showFacts } from "./elements.mjs";
import { lookOf, NODE_LOOKS } from "./looks.mjs";
import { moveInGrid } from "./moves.mjs";
import { nodeFacts } from "./texts.mjs";

/** @import { Cluster, ClusterNode, Timeline } from "./types.d.ts" */

let chosen = "";
let shown = { cluster: NO_CLUSTER, timeline: NO_TIMELINE };

/**
 * Prepares the section.
 * @param {(name: string) => void} showEvents shows the events of a node
 */
export function openNodes(showEvents) {
  const pools = byId("pools");
  pools.addEventListener("keydown", keyDown);
  pools.addEventListener("focusin", (event) => {
    const cell = cellOf(event);
    if (cell) choose(cell.dataset.node ?? "");
  });
  pools.addEventListener("click", (event) => cellOf(event)?.focus());
  const button = make("button", { type: "button" }, "Show its events");
  button.addEventListener("click", () => showEvents(chosen));
  byId("node").append(make("h3"), make("dl", { class: "facts" }), button);
}

/**
 * @param {Cluster} cluster
 * @param {Timeline} timeline
 */
export function showNodes(cluster, timeline) {
  shown = { cluster, timeline };
  byId("nodes-section").hidden = cluster.nodes.length === 0;
  /** @param {string} state */
  const count = (state) => cluster.nodes.filter((node) => node.state === state).length;
  setText(byId("nodes-count"), `${count("ready")} of ${cluster.nodes.length} ready`);
  keyed(
    byId("legend"),
    statesOf(cluster.nodes),
    (state) => state,
    (state) =>
      make("li", {}, make("span", { class: `cell ${lookOf(NODE_LOOKS, state)}` }), make("span")),
    (node, state) => setText(childOf(node, -1), `${state} ${count(state)}`),
  );
  keyed(byId("pools"), [...byPool(cluster.nodes)], ([pool]) => pool, makePool, showPool);
  showChosen();
}

/**
 * The states that nodes have, those that the page does not know at the end.
 * @param {ClusterNode[]} nodes
 */
export function statesOf(nodes) {
  const found = new Set(nodes.map((node) => node.state));
  const known = Object.keys(NODE_LOOKS).filter((state) => found.has(state));
  return [...known, ...[...found].filter((state) => !known.includes(state))].filter(Boolean);
}

/** @param {[pool: string, nodes: ClusterNode[]]} item */
function makePool([pool]) {
  const cells = make("div", {
    class: "cells",
    role: "listbox",
    "aria-orientation": "horizontal",
    "aria-label": `Nodes of ${pool}`,
  });
  const title = make("h3", {}, pool, make("span", { class: "number" }));
  return make("div", { class: "pool" }, title, cells);
}

/**
 * @param {HTMLElement} box
 * @param {[pool: string, nodes: ClusterNode[]]} item
 */
function showPool(box, [, nodes]) {
  const [title, cells] = [childOf(box, 0), childOf(box, 1)];
  const ready = nodes.filter((node) => node.state === "ready").length;
  setText(childOf(title, -1), `${ready}/${nodes.length}`);
  keyed(
    cells,
    nodes,
    (node) => node.name,
    (node) => make("div", { role: "option", "data-node": node.name, tabindex: "-1" }),
    (cell, node) => {
      const label = `${node.name}, ${node.state}`;
      setAttributes(cell, {
        class: `cell ${lookOf(NODE_LOOKS, node.state)}`,
        "aria-label": label,
        title: label,
        "aria-selected": String(node.name === chosen),
      });
    },
  );
  // The Tab key returns to the cell that had the focus, else to the first.
  if (!cells.querySelector('[tabindex="0"]')) setAttributes(childOf(cells, 0), { tabindex: "0" });
}

/** @param {Event} event */
function cellOf(event) {
  const cell = event.target instanceof Element ? event.target.closest(".cell") : null;
  return cell instanceof HTMLElement ? cell : null;
}

/** @param {KeyboardEvent} event */
function keyDown(event) {
  const cell = cellOf(event);
  if (!cell?.parentElement) return;
  const cells = /** @type {HTMLElement[]} */ ([...cell.parentElement.children]);
  const columns = cells.filter((other) => other.offsetTop === cells[0]?.offsetTop).length;
  const place = moveInGrid(event.key, cells.indexOf(cell), cells.length, columns);
  if (place === null) return;
  event.preventDefault();
  cells[place]?.focus();
}

/** @param {string} name */
function choose(name) {
  chosen = name;
  for (const cell of byId("pools").querySelectorAll(".cell")) {
    const is = cell instanceof HTMLElement && cell.dataset.node === name;
    setAttributes(cell, { "aria-selected": String(is) });
    if (!is) continue;
    for (const other of cell.parentElement?.querySelectorAll('[tabindex="0"]') ?? []) {
      setAttributes(other, { tabindex: "-1" });
    }
    setAttributes(cell, { tabindex: "0" });
  }
  showChosen();
}

function showChosen() {
  const { cluster, timeline } = shown;
  const node = cluster.nodes.find((found) => found.name === chosen);
  const box = byId("node");
  box.hidden = !node;
  setText(childOf(box, 0), node?.name);
  const reported = node ? readyTimes(cluster, timeline).get(node.name) : undefined;
  showFacts(childOf(box, 1), node ? nodeFacts(node, reported, timeline) : {});
}
