"""What one run costs on Azure, computed from its counts.

    functions   executions x price + GB x seconds x price
                executions: activities and orchestrators' replays
                seconds: what the activities took, and one second (the least that Flex bills) for
                each replay; activities that take less than a second count as one
    scheduler   actions x price: one for each start, timer and event, two for each activity
    storage     the app's own blob calls
    vault       operations

Whole prices, without the free grants (100,000 GB-s and 250,000 executions a month): they cover the
first hundreds of runs. Not in it: the cluster itself, and the controller VM while it runs.
"""

from dataclasses import dataclass
from typing import Any

MEMORY_GB = 2.0  # Flex Consumption's default instance


@dataclass(frozen=True)
class Price:
    """US dollars for `per` of a thing, and where that was read."""

    dollars: float
    per: int
    source: str


# Microsoft's price pages fill their numbers in by script, and none could be read from here: these
# are what others copied from them. Put in your region's before you rely on the sum.
PRICES = {
    "GB-s": Price(0.000026, 1, "Flex Consumption, East US; modal.com pricing guide, 2025-05-22"),
    "executions": Price(0.40, 1_000_000, "Flex Consumption; from memory, no page was read"),
    "blob writes": Price(0.065, 10_000, "hot, LRS; a copy of the price page, undated"),
    "blob reads": Price(0.005, 10_000, "hot, LRS; a copy of the price page, undated"),
    "vault operations": Price(0.03, 10_000, "standard tier; Microsoft Q&A 5608202, undated"),
}


def of_run(counted: dict[str, Any]) -> dict[str, Any]:
    """Quantities and dollars; `counted` is a result of `benchmarks.scale`. Actions of the Durable
    Task Scheduler are counted and not priced: no price was found."""
    activities, replays = counted["activities"], counted["replays"]
    quantities: dict[str, float] = {
        "executions": activities + replays,
        "GB-s": MEMORY_GB * (counted["billedActivitySeconds"] + replays),
        **{name: counted["calls"].get(name, 0) for name in PRICES if " " in name},
    }
    dollars = {
        name: PRICES[name].dollars * amount / PRICES[name].per
        for name, amount in quantities.items()
    }
    return {
        "quantities": quantities,
        "schedulerActions": len(counted["histories"]) + counted["timers"] + 2 * activities,
        "dollars": dollars,
        "sum": sum(dollars.values()),
    }


def table(results: list[dict[str, Any]]) -> str:
    """Markdown."""
    heads = [f"{result['nodes']} nodes" for result in results]
    lines = ["| cost of one run | " + " | ".join(heads) + " | price |"]
    lines.append("|---" * (len(heads) + 2) + "|")
    for name, price in PRICES.items():
        cells = [
            f"{result['cost']['quantities'][name]:.0f} (${result['cost']['dollars'][name]:.4f})"
            for result in results
        ]
        known = f"${price.dollars:g} for {price.per}: {price.source}"
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {known} |")
    actions = " | ".join(str(result["cost"]["schedulerActions"]) for result in results)
    lines.append(f"| actions of the Durable Task Scheduler | {actions} | not found |")
    sums = " | ".join(f"**${result['cost']['sum']:.3f}**" for result in results)
    lines.append(f"| **sum, without actions** | {sums} | |")
    return "\n".join(lines)
