"""Each module of an activity has a test file of its name, and an orchestrator calls each
activity."""

import re
from pathlib import Path

import activities
import orchestrators
from cluster import contracts
from cluster.contracts import Activity

HERE = Path(__file__).parent


def test_each_module_of_an_activity_has_a_test_file() -> None:
    package = Path(activities.__file__).parent
    modules = {
        path.stem for path in package.glob("*.py") if "\n@activity(" in path.read_text("utf-8")
    }
    tested = {path.stem.removeprefix("test_") for path in HERE.glob("test_*.py")}
    assert modules - tested == set()


def test_each_activity_is_called_by_an_orchestrator() -> None:
    package = Path(orchestrators.__file__).parent
    text = "".join(path.read_text("utf-8") for path in package.rglob("*.py"))
    declared = [name for name, value in vars(contracts).items() if isinstance(value, Activity)]
    # Once where it is imported, and where it is called; an unused import is a fault of its own.
    assert [name for name in declared if len(re.findall(rf"\b{name}\b", text)) < 2] == []
