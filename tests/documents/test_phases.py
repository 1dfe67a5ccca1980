"""README's picture and docs/architecture.md name the phases of a run, in their order."""

import re
from pathlib import Path

from orchestrators.reconcile_cluster import PHASES

ROOT = Path(__file__).resolve().parents[2]


def test_readmes_picture_names_each_phase_in_order() -> None:
    picture = (ROOT / "README.md").read_text(encoding="utf-8").split("```")[1]
    # The first cell of each line: what is right of the box is not about phases.
    cells = [line.split("│")[1] for line in picture.splitlines() if line.count("│") > 1]
    words = re.findall(r"[a-z]+", " ".join(cell for cell in cells if "→" in cell))
    assert words == ["claim", *PHASES, "deallocated"]


def test_the_architecture_describes_each_phase_in_order() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    section = text.partition("**2. Phases**")[2].partition("\n**")[0]
    described = re.findall(r"^- ((?:`\w+`(?:, )?)+):", section, re.MULTILINE)
    assert re.findall(r"\w+", " ".join(described)) == list(PHASES)
