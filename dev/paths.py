"""Paths of the code that the checks and the package cover."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The packages that run in Azure.
APP_PACKAGES = (
    "activities",
    "clients",
    "cluster",
    "doctor",
    "orchestrators",
    "planning",
    "runs",
    "telemetry",
    "triggers",
)
