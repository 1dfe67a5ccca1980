"""The stages of a play: one table for the spec, the inventory, site.yml, progress and the timeline.

`playbooks/site.yml` imports each stage's playbook in this order, under the condition that the
inventory's `slipway_stages` names it. A test compares the table with `playbooks/`.
"""

from dataclasses import dataclass
from typing import Literal, get_args

# The stages that `playbook.through` can name. Every other stage runs where one of these needs it.
LastStage = Literal[
    "wait",
    "base",
    "runtime",
    "etcd",
    "control-plane",
    "workers",
    "network",
    "add-ons",
    "verify",
]
LAST_STAGES: tuple[LastStage, ...] = get_args(LastStage)


@dataclass(frozen=True)
class Stage:
    """One stage of the play.

    Attributes:
        id: as in specs, inventories, events and API answers.
        title: for people. The names of the stage's plays begin with it.
        runs_for: the stages that need this one. Empty for a stage that `playbook.through` can name.
    """

    id: str
    title: str
    runs_for: tuple[str, ...] = ()

    @property
    def playbook(self) -> str:
        """The file in `playbooks/`. The controller reads the id from the file's name."""
        return f"{self.id}.yml"


STAGES: tuple[Stage, ...] = (
    Stage("check", "Check", runs_for=LAST_STAGES),
    Stage("wait", "Wait"),
    Stage(
        "artifacts",
        "Artifacts",
        runs_for=("runtime", "etcd", "control-plane", "workers", "network"),
    ),
    Stage("base", "Base"),
    Stage("runtime", "Runtime"),
    Stage("etcd", "Etcd"),
    Stage("nodes", "Nodes", runs_for=("control-plane", "workers")),
    Stage("control-plane", "Control plane"),
    Stage("workers", "Workers"),
    Stage("network", "Network"),
    Stage("add-ons", "Add-ons"),
    Stage("verify", "Verify"),
)
STAGE_IDS = tuple(stage.id for stage in STAGES)
_TITLES = {stage.id: stage.title for stage in STAGES}


def stages_through(last: LastStage | None) -> tuple[str, ...]:
    """The ids of all stages that a play runs whose last stage is `last`, in their order. All, if a
    stored spec names a stage that this version does not know."""
    end = LAST_STAGES.index(last) + 1 if last in LAST_STAGES else len(LAST_STAGES)
    wanted = LAST_STAGES[:end]
    return tuple(
        stage.id for stage in STAGES if stage.id in wanted or set(stage.runs_for) & {*wanted}
    )


def early_end(last: str | None) -> str:
    """Returns the id of a play's last stage if the play ends before the table's last stage, or
    "". Then the cluster is not complete, although its run succeeds."""
    return "" if last is None or last == LAST_STAGES[-1] else last


def title_of(stage: str) -> str:
    """The stage's title; its id where the table does not have it, as in runs of other versions."""
    return _TITLES.get(stage, stage)
