"""The data files that commands read."""

from pathlib import Path

# The checkout; in an installed package the folder `slipway_cli/app`, which is laid out the same.
ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ROOT / "playbooks/vars/manifest.yml"
ARTIFACT_DEFAULTS = ROOT / "playbooks/roles/artifacts/defaults/main.yml"
