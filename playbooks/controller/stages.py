"""Which stage each play of the site belongs to: site.yml imports one playbook for each stage."""

from pathlib import Path

import yaml


def stages_of_plays(playbooks: Path) -> dict[str, str]:
    """The name of each play, and the id of its stage: the name of the playbook's file."""
    found: dict[str, str] = {}
    for entry in _plays(playbooks / "site.yml"):
        file = playbooks / entry["ansible.builtin.import_playbook"]
        found |= dict.fromkeys((play["name"] for play in _plays(file)), file.stem)
    return found


def _plays(file: Path) -> list[dict[str, str]]:
    return yaml.safe_load(file.read_text(encoding="utf-8"))
