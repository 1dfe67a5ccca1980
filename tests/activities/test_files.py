"""Each module that registers an activity has a test file of its name."""

from pathlib import Path

import activities

HERE = Path(__file__).parent


def test_each_module_of_an_activity_has_a_test_file() -> None:
    package = Path(activities.__file__).parent
    modules = {
        path.stem for path in package.glob("*.py") if "\n@activity(" in path.read_text("utf-8")
    }
    tested = {path.stem.removeprefix("test_") for path in HERE.glob("test_*.py")}
    assert modules - tested == set()
