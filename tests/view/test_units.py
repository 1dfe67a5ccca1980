"""The unit tests of the page's modules, on Node, without a browser."""

import subprocess
from pathlib import Path

import pytest

from lab.testing.machines import node

FILES = sorted((Path(__file__).parent / "modules").glob("*.test.mjs"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.removesuffix(".test.mjs"))
def test_the_unit_tests_pass(file: Path) -> None:
    done = subprocess.run(
        [str(node()), "--test", "--test-reporter=tap", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # A file without tests passes too.
    passed = [line for line in done.stdout.splitlines() if line.startswith("# pass ")]
    assert int(passed[-1].split()[-1]) > 1, done.stdout
