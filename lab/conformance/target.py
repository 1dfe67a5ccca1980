"""The cluster that the suite runs against, asked with kubectl."""

import json
from dataclasses import dataclass
from pathlib import Path

from lab.conformance.command import CommandError, answer_of

ASK_SECONDS = 60.0
REMOVAL_SECONDS = 180
# The suite's label on every namespace that it makes.
NAMESPACES = ("namespaces", "--selector=e2e-run", "--output=name")


class TargetError(Exception):
    """The cluster does not answer, or does not fit the suite."""


@dataclass(frozen=True)
class Target:
    """`way`: the command with which programs are started so that they reach the API server, such as
    one that enters a machine's network; may be empty."""

    name: str
    kubeconfig: Path
    kubectl: Path
    way: tuple[str, ...] = ()

    def check(self, suite: str) -> str:
        """Returns the API server's version.

        Raises:
            TargetError: it does not answer, or has another minor version than the suite.
        """
        text = self._ask("version", "--output=json")
        version = str(json.loads(text)["serverVersion"]["gitVersion"])
        if _minor(version) != _minor(suite):
            raise TargetError(f"{self.name} runs Kubernetes {version}, and the suite is {suite}")
        return version

    def namespaces(self) -> set[str]:
        """Returns the namespaces that runs of the suite made and that still exist."""
        return set(self._ask("get", *NAMESPACES).split())

    def remove(self, namespaces: set[str]) -> str:
        """Deletes namespaces, and waits until they are gone. Returns the error, or nothing."""
        delete = ("delete", "--ignore-not-found", f"--timeout={REMOVAL_SECONDS}s")
        try:
            self._ask(*delete, *sorted(namespaces), seconds=REMOVAL_SECONDS + ASK_SECONDS)
        except TargetError as error:
            return str(error)
        return ""

    def _ask(self, *arguments: str, seconds: float = ASK_SECONDS) -> str:
        argv = [*self.way, str(self.kubectl), f"--kubeconfig={self.kubeconfig}", *arguments]
        try:
            return answer_of(argv, seconds)
        except CommandError as error:
            raise TargetError(f"kubectl {arguments[0]}: {error}") from None


def _minor(version: str) -> list[str]:
    return version.removeprefix("v").split(".")[:2]
