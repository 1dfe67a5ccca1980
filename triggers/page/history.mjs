// The other clusters, and the operations of the one that is shown, the latest first.
import {
  byId,
  childOf,
  keyed,
  make,
  makeSign,
  setAttributes,
  setSign,
  setText,
} from "./elements.mjs";
import { CLUSTER_LOOKS, lookOf, OPERATION_LOOKS } from "./looks.mjs";
import { operationTexts, stateText } from "./texts.mjs";

/** @import { Api } from "./api.mjs" */
/** @import { ListedCluster, Operations } from "./types.d.ts" */

export class History {
  #api;
  #addressOf;
  /** @type {Operations} */
  #found = { operations: [], next: null };

  /**
   * @param {Api} api
   * @param {(name: string) => string} addressOf the address of a cluster's page
   */
  constructor(api, addressOf) {
    this.#api = api;
    this.#addressOf = addressOf;
  }

  /**
   * Calls `open` with the name of a cluster that the reader chooses. A link that opens another tab
   * stays a link.
   * @param {(name: string) => void} open
   */
  open(open) {
    byId("clusters").addEventListener("click", (event) => {
      const link = /** @type {Element} */ (event.target).closest("a");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      open(link.textContent ?? "");
    });
    byId("operations-earlier").addEventListener("click", () => this.#showEarlier());
  }

  /**
   * Asks for both lists. An app of an older version has no list of operations, and a role may not
   * cover the list of clusters: the page then goes without.
   * @param {string} name the cluster that the page shows
   * @param {() => boolean} isCurrent
   */
  async update(name, isCurrent) {
    const [clusters, latest] = await Promise.allSettled([
      this.#api.clusters(),
      this.#api.operations(),
    ]);
    if (!isCurrent()) return;
    showClusters(clusters.status === "fulfilled" ? clusters.value : [], name, this.#addressOf);
    if (latest.status === "rejected") return;
    const first = latest.value.operations.at(-1)?.generation ?? 0;
    const earlier = this.#found.operations.filter((one) => one.generation < first);
    const next = earlier.length > 0 ? this.#found.next : latest.value.next;
    this.#found = { operations: [...latest.value.operations, ...earlier], next };
    showOperations(this.#found);
  }

  clear() {
    this.#found = { operations: [], next: null };
    showOperations(this.#found);
    showClusters([], "", this.#addressOf);
  }

  async #showEarlier() {
    const before = this.#found;
    if (before.next === null) return;
    const found = await this.#api.operations(before.next).catch(() => null);
    // The button stays if there was no answer. An answer for another list is left alone.
    if (found === null || this.#found !== before) return;
    this.#found = { ...found, operations: [...before.operations, ...found.operations] };
    showOperations(this.#found);
  }
}

/**
 * @param {ListedCluster[]} clusters
 * @param {string} shown the name of the cluster that the page shows
 * @param {(name: string) => string} addressOf
 */
function showClusters(clusters, shown, addressOf) {
  byId("clusters-section").hidden = clusters.length < 2;
  keyed(
    byId("clusters"),
    clusters,
    (cluster) => cluster.name,
    () => make("li", {}, makeSign("pending"), make("a"), make("span", { class: "quiet" })),
    (item, cluster) => {
      setSign(childOf(item, 0), lookOf(CLUSTER_LOOKS, cluster.state));
      const link = childOf(item, 1);
      const current = cluster.name === shown ? "page" : null;
      setAttributes(link, { href: addressOf(cluster.name), "aria-current": current });
      setText(link, cluster.name);
      setText(childOf(item, 2), stateText(cluster));
    },
  );
}

/** @param {Operations} found */
function showOperations({ operations, next }) {
  byId("operations-section").hidden = operations.length === 0;
  byId("operations-earlier").hidden = next === null;
  keyed(
    byId("operations"),
    operations,
    (operation) => String(operation.generation),
    () =>
      make(
        "li",
        {},
        makeSign("pending"),
        make("span", { class: "number" }),
        make("span"),
        make("span", { class: "quiet number" }),
        make("code"),
      ),
    (item, operation) => {
      const { title, state, times } = operationTexts(operation);
      setSign(childOf(item, 0), lookOf(OPERATION_LOOKS, operation.state));
      setText(childOf(item, 1), title);
      setText(childOf(item, 2), state);
      setText(childOf(item, 3), times);
      setText(childOf(item, 4), operation.cause);
    },
  );
}
