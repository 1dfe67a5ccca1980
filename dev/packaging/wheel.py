"""Build hook of the command line's wheel: adds exactly the modules that the command line imports.

hatchling loads this file by its path, so it imports nothing of the project. Decision record:
docs/decisions/0031-command-line-package.md.
"""

from modulefinder import ModuleFinder
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PROGRAM = "cli/__main__.py"
# The folder of the code in the wheel, with the same layout as a checkout.
APP = "slipway_cli/app"


class CommandLineModules(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            raise ValueError("an editable install is not supported: ./slipway runs a checkout")
        root = Path(self.root)
        files = {root / PROGRAM, *modules(root)}
        for path in sorted(files):
            build_data["force_include"][str(path)] = f"{APP}/{path.relative_to(root)}"


def modules(root: Path) -> list[Path]:
    """Returns the project's files that the command line imports, also inside functions.

    The finder looks below `root` only: it neither finds nor follows other distributions.
    """
    finder = ModuleFinder(path=[str(root)])
    finder.run_script(str(root / PROGRAM))
    files = [vars(module)["__file__"] for module in finder.modules.values()]
    return sorted(Path(file) for file in files if file)  # built-in modules have none
