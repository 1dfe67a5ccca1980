"""The stages of a play: one table for the spec, the inventory, site.yml, progress and the timeline.

`playbooks/site.yml` imports each stage's playbook in this order, under the condition that the
inventory's `slipway_stages` names it. A test compares the table with `playbooks/`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
        hosts: the groups of machines that the stage's plays run on. For each, the groups whose list
            of machines is written onto them: a change of that list concerns them. Empty for a stage
            of the controller.
        installs: its machines install files of the manifest.
        together: it runs on all of its machines or on none, because it compares them.
        first_only: it runs on the first machine of its group.
        holds_days: after so many days it concerns its machines again. None: never.
    """

    id: str
    title: str
    runs_for: tuple[str, ...] = ()
    hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    installs: bool = False
    together: bool = False
    first_only: bool = False
    holds_days: int | None = None

    @property
    def playbook(self) -> str:
        """The file in `playbooks/`. The controller reads the id from the file's name."""
        return f"{self.id}.yml"


MEMBERS, CONTROL_PLANES, WORKERS = "etcd", "control_plane", "workers"
_EVERY: Mapping[str, tuple[str, ...]] = {CONTROL_PLANES: (), WORKERS: (), MEMBERS: ()}
_NODES: Mapping[str, tuple[str, ...]] = {CONTROL_PLANES: (), WORKERS: ()}
_ALL_NODES = (CONTROL_PLANES, WORKERS)
_UPGRADED: Mapping[str, tuple[str, ...]] = {
    CONTROL_PLANES: (CONTROL_PLANES,),
    WORKERS: (CONTROL_PLANES,),
}
# Fewer than the days before their end at which certificates are renewed.
RENEWAL_DAYS = 30

STAGES: tuple[Stage, ...] = (
    Stage("check", "Check", runs_for=LAST_STAGES),
    Stage("wait", "Wait", hosts=_EVERY),
    Stage(
        "artifacts",
        "Artifacts",
        runs_for=("runtime", "etcd", "control-plane", "workers", "network"),
    ),
    Stage("base", "Base", hosts=_EVERY),
    Stage("runtime", "Runtime", hosts=_NODES, installs=True),
    Stage(
        "etcd",
        "Etcd",
        hosts={MEMBERS: (MEMBERS,)},
        installs=True,
        together=True,
        holds_days=RENEWAL_DAYS,
    ),
    # These two run in an upgrade of Kubernetes only, for which no spec names them.
    Stage("upgrade-fetch", "Fetch", hosts=_UPGRADED, installs=True),
    Stage("upgrade", "Upgrade", hosts=_UPGRADED, installs=True),
    Stage("nodes", "Nodes", runs_for=("control-plane", "workers"), hosts=_NODES, installs=True),
    Stage(
        "control-plane",
        "Control plane",
        hosts={CONTROL_PLANES: (CONTROL_PLANES, MEMBERS)},
        installs=True,
        together=True,
        holds_days=RENEWAL_DAYS,
    ),
    Stage("workers", "Workers", hosts={CONTROL_PLANES: _ALL_NODES, WORKERS: ()}),
    Stage("network", "Network", hosts=_NODES, installs=True),
    Stage(
        "add-ons",
        "Add-ons",
        hosts={CONTROL_PLANES: (CONTROL_PLANES,)},
        installs=True,
        first_only=True,
    ),
    Stage("verify", "Verify", hosts={CONTROL_PLANES: _ALL_NODES}, together=True),
)
# Runs on the controller in every play.
CHECK = "check"
# Runs on the controller if a stage runs that installs files.
ARTIFACTS = "artifacts"
# In an upgrade: fetches the new programs and images; upgrades one node.
UPGRADE_FETCH, UPGRADE = "upgrade-fetch", "upgrade"
# Runs whenever another stage of machines runs.
VERIFY = "verify"
# Without those that run in an upgrade only.
STAGE_IDS = tuple(stage.id for stage in STAGES if stage.id not in (UPGRADE_FETCH, UPGRADE))
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
