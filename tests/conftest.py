"""How many examples a property gets: few in the plain run, many with --all."""

import os

from hypothesis import settings

from cli.check import EVERYTHING

settings.register_profile("plain", max_examples=25, deadline=None)
settings.register_profile("all", max_examples=300, deadline=None)
settings.load_profile("all" if os.environ.get(EVERYTHING) else "plain")
