"""A suite's directory is looked at as a whole, and each fault says what to do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.conformance.suite import Spec, Suite, SuiteError, open_suite
from lab.tests.conformance.conftest import IMAGE, Specs, save_archive, save_program, spec


def faults(directory: Path) -> list[str]:
    with pytest.raises(SuiteError) as caught:
        open_suite(directory)
    return str(caught.value).splitlines()


def test_a_whole_suite_has_a_version_images_and_specs(suite_of: Callable[[Specs], Suite]) -> None:
    other = (["[sig-node] Pods"], "should be quick [Slow]", ["sig-node", "Slow"], "passed")
    suite = suite_of([spec("should wait", serial=True), spec("should pass"), other])
    assert suite.version == "v1.36.2"
    assert list(suite.archives.values()) == [{IMAGE}]
    assert suite.specs() == [
        Spec("[sig-apps] Things should pass [Conformance]", serial=False),
        Spec("[sig-apps] Things should wait [Serial] [Conformance]", serial=True),
    ]


def test_every_missing_program_is_named_with_where_it_comes_from(directory: Path) -> None:
    (directory / "ginkgo").unlink()
    (directory / "kubectl").chmod(0o644)
    first, second = faults(directory)
    assert first.startswith(f"{directory}/ginkgo is missing: it is in kubernetes-test-linux-amd64")
    assert second == f"{directory}/kubectl is not executable: chmod +x {directory}/kubectl"


def test_a_program_that_does_not_run_is_named_with_its_words(directory: Path) -> None:
    save_program(directory / "e2e.test", "raise SystemExit('exec format')")
    assert faults(directory) == [f"{directory}/e2e.test --version: it ended with 1: exec format"]
    (directory / "e2e.test").write_bytes(b"\x7fELF\2\1\1\0 of another machine")
    assert faults(directory)[0].startswith(f"{directory}/e2e.test --version: ")


def test_archives_that_this_suite_does_not_use_are_refused(directory: Path) -> None:
    save_archive(directory / "images/old.tar", "registry.k8s.io/e2e-test-images/agnhost:2.40")
    save_archive(directory / "images/other.tar", "docker.io/library/redis:7")
    (directory / "images/text.tar").write_text("no archive")
    old, other, text = faults(directory)
    assert old.endswith(f"agnhost:2.40, which this e2e.test does not use; it uses {IMAGE}")
    assert other.endswith("redis:7, which this e2e.test does not use; it uses no such image")
    assert "text.tar: not an archive of images" in text


def test_a_suite_without_conformance_specs_is_refused(suite_of: Callable[[Specs], Suite]) -> None:
    suite = suite_of([(["[sig-node] Pods"], "should", ["sig-node"], "passed")])
    with pytest.raises(SuiteError, match=r"e2e\.test has no conformance specs"):
        suite.specs()


def test_no_directory_is_no_suite(tmp_path: Path) -> None:
    assert faults(tmp_path / "none") == [f"{tmp_path}/none is not a directory"]
