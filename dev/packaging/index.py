"""Runs as a separate program in an isolated Python without site-packages: `index.py TREE PACKAGES
LIBRARY`.

It indexes the app in TREE with Microsoft's worker library in LIBRARY and the dependencies in
PACKAGES. Then it resolves every import in the app, also those inside functions. It prints the
functions' names as a JSON list, or exits with the rejected functions and the reasons.
"""

import ast
import importlib
import json
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any


class BindingInfo(SimpleNamespace):
    """The only message whose constants the library reads. The numbers are those of its protocol."""

    inout = 2
    out = 1
    undefined = 0


# The library creates its responses from the message classes that it is given.
MESSAGES = SimpleNamespace(
    BindingInfo=BindingInfo, RpcFunctionMetadata=SimpleNamespace, RpcRetryOptions=SimpleNamespace
)


def index(tree: Path) -> list[str]:
    """Returns the functions' names. Exits if the library rejects a function."""
    meta = importlib.import_module("azure_functions_runtime.bindings.meta")
    loader = importlib.import_module("azure_functions_runtime.loader")
    registry = importlib.import_module("azure_functions_runtime.functions").Registry()
    meta.load_binding_registry()
    # This import comes first, because its error is the app's own. The library adds its paths to an
    # error.
    importlib.import_module("function_app")
    functions = loader.index_function_app(str(tree / "function_app.py"))
    refused: list[str] = []
    for function in functions:
        try:
            loader.process_indexed_function(MESSAGES, registry, [function], str(tree))
        except Exception as error:
            refused.append(f"{function.get_function_name()}: {type(error).__name__}: {error}")
    if refused:
        sys.exit("Microsoft's worker library refuses:\n" + "\n".join(refused))
    return [function.get_function_name() for function in functions]


def imports(path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yields each imported module with the names that are imported from it."""
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, tuple(alias.name for alias in node.names)


def resolve(path: Path) -> None:
    for module, names in imports(path):
        found: Any = importlib.import_module(module)
        for name in names:
            if not hasattr(found, name):
                importlib.import_module(f"{module}.{name}")


def main(tree: Path, packages: str, library: str) -> None:
    # The same order as the worker's: the app's packages, its own library, and the app itself at the
    # end.
    sys.path[:0] = [packages, library]
    sys.path.append(str(tree))
    try:
        names = index(tree)
    except Exception:
        sys.exit(traceback.format_exc())
    # Playbooks are excluded, because they run with the controller's Python.
    for path in sorted(tree.rglob("*.py")):
        if path.relative_to(tree).parts[0] not in ("playbooks", ".python_packages"):
            try:
                resolve(path)
            except ImportError as error:
                sys.exit(f"{path.relative_to(tree)}: {error}")
    print(json.dumps(names))


main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
