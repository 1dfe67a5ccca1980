"""Paths of the data files that commands read."""

from pathlib import Path

# The root of the checkout, or in an installed package the folder `slipway_cli/app`, which has the
# same layout.
ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ROOT / "playbooks/vars/manifest.yml"
ARTIFACT_DEFAULTS = ROOT / "playbooks/roles/artifacts/defaults/main.yml"
