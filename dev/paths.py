"""Where the checks and the package find the code that they look at."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
