import { byId, keyed, make, mark, setAttributes, setMark, setText } from "./elements.mjs";

// Why a run ended, where, and what to do next; and what an ended run had asked of the systems.

/** A log tail is whatever a machine wrote: it is shown as text, in full, and can be copied. */
export function showFailure(cluster) {
  const cause = cluster.cause;
  const card = byId("failure");
  card.hidden = !cause;
  setAttributes(card, { class: `failure ${cluster.state === "failed" ? "failed" : "stopped"}` });
  const where = [cause?.code, cause?.phase && `in phase ${cause.phase}`, cause?.place && `at ${cause.place}`];
  setText(byId("failure-title"), where.filter(Boolean).join(" "));
  setText(byId("failure-message"), cause?.message);
  setText(byId("failure-next"), cause?.nextStep ? `Next: ${cause.nextStep}` : "");
  byId("failure-log").hidden = !cause?.logTail;
  const log = byId("log");
  if (log.textContent === (cause?.logTail ?? "")) return;
  setText(log, cause?.logTail);
  log.scrollTop = log.scrollHeight; // what went wrong stands at its end
}

export function openFailure() {
  const button = byId("log-copy");
  button.addEventListener("click", async () => {
    let said = "Copied";
    try {
      await navigator.clipboard.writeText(byId("log").textContent);
    } catch {
      // No clipboard without https, or without leave: the text is there to be chosen.
      getSelection().selectAllChildren(byId("log"));
      said = "Selected";
    }
    setText(button, said);
    setTimeout(() => setText(button, "Copy"), 2000);
  });
}

/** Those that failed first; the list is closed where all passed. */
export function showChecks(cluster) {
  const checks = [...(cluster.checks ?? [])].sort((a, b) => Number(a.ok) - Number(b.ok));
  const failed = checks.filter((check) => !check.ok).length;
  byId("checks-section").hidden = checks.length === 0;
  setText(byId("checks-count"), failed ? `${failed} of ${checks.length} failed` : `${checks.length} passed`);
  keyed(
    byId("checks"),
    checks,
    (check) => check.name,
    () => make("li", {}, mark("pending"), make("span", { class: "unseen" }), make("span")),
    (node, check) => {
      setMark(node.children[0], check.ok ? "done" : "failed");
      setText(node.children[1], check.ok ? "passed: " : "failed: ");
      setText(node.children[2], check.detail ? `${check.name}: ${check.detail}` : check.name);
    },
  );
}
