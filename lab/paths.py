"""Where the lab finds the product that it runs."""

from pathlib import Path

# The checkout: the function app, its templates and its playbooks.
ROOT = Path(__file__).resolve().parent.parent
