"""The location of the product that the lab runs."""

from pathlib import Path

# The root of the checkout, with the function app, its templates and its playbooks.
ROOT = Path(__file__).resolve().parent.parent
