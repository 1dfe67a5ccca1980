// Why a run ended, where, and what to do next; what is wrong; and the checks of an ended run.
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
import { failureTitle } from "./texts.mjs";

/** @import { Cluster } from "./types.d.ts" */

/**
 * Shows the cause. The end of a log is whatever a machine wrote: it is shown as text, in full.
 * @param {Cluster} cluster
 */
export function showFailure(cluster) {
  const cause = cluster.cause;
  const card = byId("failure");
  card.hidden = !cause;
  setAttributes(card, { class: `failure ${cluster.state === "failed" ? "failed" : "stopped"}` });
  setText(byId("failure-title"), cause ? failureTitle(cluster.state, cause) : "");
  setText(byId("failure-code"), cause?.code);
  setText(byId("failure-message"), cause?.message);
  setText(byId("failure-next"), cause?.nextStep ? `Next: ${cause.nextStep}` : "");
  byId("failure-log").hidden = !cause?.logTail;
  const log = byId("log");
  if (log.textContent === (cause?.logTail ?? "")) return;
  setText(log, cause?.logTail);
  log.scrollTop = log.scrollHeight; // the error is at its end
}

/** Prepares the button that copies the log. */
export function openFailure() {
  const button = byId("log-copy");
  button.addEventListener("click", async () => {
    let result = "Copied";
    try {
      await navigator.clipboard.writeText(byId("log").textContent ?? "");
    } catch {
      // There is no clipboard without https or without permission: the text is selected instead.
      getSelection()?.selectAllChildren(byId("log"));
      result = "Selected";
    }
    setText(button, result);
    setTimeout(() => setText(button, "Copy"), 2000);
  });
}

/**
 * Shows what a maintenance found wrong with the cluster.
 * @param {Cluster} cluster
 */
export function showFindings(cluster) {
  byId("findings-section").hidden = cluster.findings.length === 0;
  keyed(
    byId("findings"),
    cluster.findings,
    (found) => `${found.code} ${found.subject}`,
    () => make("li", {}, makeSign("failed"), make("span")),
    (node, { code, subject, detail, nextStep }) => {
      const what = [code, subject].filter(Boolean).join(" on ");
      const next = nextStep ? ` Next: ${nextStep}` : "";
      setText(childOf(node, 1), `${detail ? `${what}: ${detail}.` : `${what}.`}${next}`);
    },
  );
}

/**
 * Shows the checks, those that failed first.
 * @param {Cluster} cluster
 */
export function showChecks(cluster) {
  const checks = [...cluster.checks].sort((a, b) => Number(a.ok) - Number(b.ok));
  const failed = checks.filter((check) => !check.ok).length;
  byId("checks-section").hidden = checks.length === 0;
  setText(
    byId("checks-count"),
    failed ? `${failed} of ${checks.length} failed` : `${checks.length} passed`,
  );
  keyed(
    byId("checks"),
    checks,
    (check) => check.name,
    () =>
      make("li", {}, makeSign("pending"), make("span", { class: "visually-hidden" }), make("span")),
    (node, check) => {
      setSign(childOf(node, 0), check.ok ? "done" : "failed");
      setText(childOf(node, 1), check.ok ? "passed: " : "failed: ");
      setText(childOf(node, 2), check.detail ? `${check.name}: ${check.detail}` : check.name);
    },
  );
}
