"""Computes the cost of one run on Azure from its counts.

    functions   executions x price + GB x seconds x price
                executions: activities and orchestrators' replays
                seconds: the duration of the activities, at least one second each, and one second
                for each replay (Flex bills at least one second)
    scheduler   actions x price: one for each start, timer and event, two for each activity
    storage     the app's own blob calls
    vault       operations

The prices are full prices. The free grants (100,000 GB-s and 250,000 executions a month) are not
subtracted; they cover the first hundreds of runs. The sum does not include the cluster itself, or
the controller VM while it runs.
"""

from dataclasses import dataclass
from typing import Any

MEMORY_GB = 2.0  # Flex Consumption's default instance


@dataclass(frozen=True)
class Price:
    """The price in US dollars for `per` units, and its source."""

    dollars: float
    per: int
    source: str


# Microsoft's price pages insert their numbers by script, so they could not be read here. These
# numbers are copied from third parties. Replace them by your region's prices before you rely on the
# sum.
PRICES = {
    "GB-s": Price(0.000026, 1, "Flex Consumption, East US; modal.com pricing guide, 2025-05-22"),
    "executions": Price(0.40, 1_000_000, "Flex Consumption; from memory, no page was read"),
    "blob writes": Price(0.065, 10_000, "hot, LRS; a copy of the price page, undated"),
    "blob reads": Price(0.005, 10_000, "hot, LRS; a copy of the price page, undated"),
    "vault operations": Price(0.03, 10_000, "standard tier; Microsoft Q&A 5608202, undated"),
}


def of_run(counted: dict[str, Any]) -> dict[str, Any]:
    """Returns quantities and dollars. `counted` is a result of `benchmarks.scale`. Actions of the
    Durable Task Scheduler are counted but not priced, because no price was found."""
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
    """Returns a Markdown table of the results."""
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
