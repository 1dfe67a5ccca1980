"""The images of the suite on the machines of a cluster in the lab."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from lab.conformance.suite import Suite
from lab.fabric import FabricError
from lab.machines.machines import entry
from lab.machines.shell import run

CTR = ("ctr", "--namespace=k8s.io", "images")
# Without it, kubelet removes images that no pod uses when the lab's disk is nearly full, and no
# node of the lab could pull them again.
PINNED = "io.cri-containerd.pinned=pinned"


def load_images(
    suite: Suite, state: Path, nodes: Sequence[str], report: Callable[[str], None]
) -> None:
    """Imports every archive of the suite on every node that lacks its images.

    Raises:
        FabricError: a node is not running, or containerd refuses an archive.
    """
    for node in nodes:
        enter = entry(state, node)
        held = set(run(*enter, *CTR, "list", "--quiet").split())
        missing = {path: names for path, names in suite.archives.items() if not names <= held}
        if missing:
            report(f"{node}: loading {len(missing)} archives of images")
        for path, names in missing.items():
            _load(enter, path, node)
            for name in sorted(names):
                run(*enter, *CTR, "label", name, PINNED)


def _load(enter: list[str], path: Path, node: str) -> None:
    with path.open("rb") as archive:
        argv = [*enter, *CTR, "import", "-"]
        done = subprocess.run(argv, stdin=archive, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-600:]
        raise FabricError(f"{node}: containerd did not import {path}: {said}")
