"""Runs alone, in an isolated Python: `package_index.py TREE` indexes the app in TREE as the host
does, resolves every import in it, those inside functions too, and prints the functions' names as
a JSON list. Only the standard library, TREE, and what TREE's requirements.txt names can be
imported: the environment that it runs in holds the checks' packages too."""

import ast
import importlib
import importlib.metadata
import json
import re
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

OURS = ("benchmarks", "cli", "lab", "tests")


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(tree: Path) -> dict[str, str]:
    """Versions by canonical name, as requirements.txt has them."""
    text = (tree / "requirements.txt").read_text(encoding="utf-8")
    found = re.findall(r"^([\w.-]+)==([\w.!+-]+)", text, re.MULTILINE)
    return {canonical(name): version for name, version in found}


def foreign(wanted: Collection[str]) -> set[str]:
    """The top-level names that belong only to distributions that the app does not ask for."""
    return {
        name
        for name, owners in importlib.metadata.packages_distributions().items()
        if not set(wanted).intersection(map(canonical, owners))
    }


def other_versions(wanted: dict[str, str]) -> list[str]:
    """What is installed here in another version: the proof would be of that one."""
    installed = {
        canonical(one.metadata["Name"]): one.version for one in importlib.metadata.distributions()
    }
    return [
        f"{name} {installed[name]} is installed, requirements.txt pins {version}"
        for name, version in wanted.items()
        if installed.get(name, version) != version
    ]


class Refusing:
    """The first of the finders."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:  # noqa: ARG002
        if name.split(".", maxsplit=1)[0] in self._names:
            raise ModuleNotFoundError(f"No module named '{name}' in the package", name=name)


def imports(path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Module, and what is taken from it."""
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, tuple(alias.name for alias in node.names)


def resolve(path: Path) -> None:
    for module, names in imports(path):
        found = importlib.import_module(module)
        for name in names:
            if not hasattr(found, name):
                importlib.import_module(f"{module}.{name}")


def main(tree: Path) -> None:
    wanted = pins(tree)
    others = other_versions(wanted)
    if others:
        sys.exit("\n".join(others))
    sys.meta_path.insert(0, Refusing(foreign(wanted) | set(OURS)))  # type: ignore[arg-type]
    sys.path.insert(0, str(tree))
    app = importlib.import_module("function_app").app
    names = [function.get_function_name() for function in app.get_functions()]
    # Playbooks run on the controller, by its Python.
    for path in sorted(tree.rglob("*.py")):
        if path.relative_to(tree).parts[0] != "playbooks":
            try:
                resolve(path)
            except ImportError as error:
                sys.exit(f"{path.relative_to(tree)}: {error}")
    print(json.dumps(names))


main(Path(sys.argv[1]))
