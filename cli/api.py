"""Client of Slipway's HTTP API: one method for each of its operations."""

from dataclasses import dataclass
from urllib.parse import quote

from cli.problems import CONFLICT, FAILED_DEPENDENCY, read_problem
from cli.session import SIGN_IN, Body, Session, read
from cli.targets import Target
from cli.tokens import Token
from cluster.api import ClusterDetail, ClusterList, EventList
from cluster.api_backups import BackupList
from cluster.api_history import OperationList, PlayLog
from cluster.api_requests import (
    CancelAccepted,
    ClusterPlan,
    ControllerRunning,
    ControllerStarting,
    ControllerStatus,
    InstallationReport,
    OperationAccepted,
    Problem,
    RecordForgotten,
    SignIn,
)

ACCEPTED = 202
# States of a cluster while an operation is in progress.
BUSY = ("running", "deleting", "pending", "suspended")
LAB_POLL, AZURE_POLL = 1.0, 3.0


@dataclass(frozen=True)
class OperationAnswer:
    """The state of an operation. `problem` is set if it failed or was cancelled."""

    status: int
    problem: Problem | None = None


class Api:
    """The API. Its methods raise ProblemError, UnreachableError or NotLoadedError."""

    def __init__(self, target: Target) -> None:
        self._session = Session(target)
        self.poll_seconds = LAB_POLL if target.local else AZURE_POLL

    def token(self) -> Token:
        """Returns the token that requests carry.

        Raises:
            CommandError: nobody is signed in, or no token is wanted.
        """
        return self._session.token()

    def sign_in(self) -> SignIn:
        """Returns how the app identifies its callers. The request carries no token."""
        return self._session.ask(SignIn, "GET", SIGN_IN)

    def plan(self, name: str, spec: Body, *, full: bool = False) -> ClusterPlan:
        query = {"plan": "true"} | ({"full": "true"} if full else {})
        return self._session.ask(ClusterPlan, "PUT", _path(name), spec, query)

    def put(
        self, name: str, spec: Body, *, adopt: bool = False, full: bool = False
    ) -> OperationAccepted:
        asked = {"adopt": adopt, "full": full}
        query = {key: "true" for key, wanted in asked.items() if wanted}
        return self._session.ask(OperationAccepted, "PUT", _path(name), spec, query or None)

    def clusters(self) -> ClusterList:
        return self._session.ask(ClusterList, "GET", "/api/clusters")

    def cluster(self, name: str) -> ClusterDetail:
        return self._session.ask(ClusterDetail, "GET", _path(name))

    def events(self, name: str, after: int, generation: int = 0) -> EventList:
        wanted = {"after": after} | ({"generation": generation} if generation else {})
        return self._session.ask(EventList, "GET", f"{_path(name)}/events", query=wanted)

    def log(self, name: str, after: int, generation: int = 0, play: int = 0) -> PlayLog:
        """Returns a part of what a play wrote: the last play of the latest operation by default."""
        asked = {"after": after, "generation": generation, "play": play}
        query = {key: value for key, value in asked.items() if value}
        return self._session.ask(PlayLog, "GET", f"{_path(name)}/log", query=query)

    def operations(self, name: str, before: int | None = None) -> OperationList:
        query = {"before": before} if before else None
        return self._session.ask(OperationList, "GET", f"{_path(name)}/operations", query=query)

    def back_up(self, name: str) -> OperationAccepted:
        return self._session.ask(OperationAccepted, "POST", f"{_path(name)}/backups")

    def maintain(self, name: str) -> OperationAccepted:
        return self._session.ask(OperationAccepted, "POST", f"{_path(name)}/maintenance")

    def rotate(self, name: str, credential: str) -> OperationAccepted:
        path = f"{_path(name)}/credentials/{quote(credential, safe='')}/rotate"
        return self._session.ask(OperationAccepted, "POST", path)

    def backups(self, name: str) -> BackupList:
        return self._session.ask(BackupList, "GET", f"{_path(name)}/backups")

    def restore(self, name: str, backup: str) -> OperationAccepted:
        path = f"{_path(name)}/backups/{quote(backup, safe='')}/restore"
        return self._session.ask(OperationAccepted, "POST", path)

    def doctor(self, **asked: str) -> InstallationReport:
        """Examines the installation. Arguments are `location`, `group` and `cluster`; empty ones
        are not sent."""
        query = {name: value for name, value in asked.items() if value}
        return self._session.ask(InstallationReport, "GET", "/api/doctor", query=query)

    def cancel(self, name: str) -> CancelAccepted:
        return self._session.ask(CancelAccepted, "POST", f"{_path(name)}/cancel")

    def delete(self, name: str) -> OperationAccepted:
        return self._session.ask(OperationAccepted, "DELETE", _path(name))

    def delete_node(self, name: str, node: str, *, force: bool = False) -> OperationAccepted:
        path = f"{_path(name)}/nodes/{quote(node, safe='')}"
        query = {"force": "true"} if force else None
        return self._session.ask(OperationAccepted, "DELETE", path, query=query)

    def replace_node(self, name: str, node: str, *, force: bool = False) -> OperationAccepted:
        path = f"{_path(name)}/nodes/{quote(node, safe='')}/replace"
        query = {"force": "true"} if force else None
        return self._session.ask(OperationAccepted, "POST", path, query=query)

    def forget(self, name: str) -> RecordForgotten:
        query = {"confirm": name}
        return self._session.ask(RecordForgotten, "POST", f"{_path(name)}/forget", query=query)

    def start_controller(self, name: str, node: str = "") -> ControllerStarting | ControllerRunning:
        """Starts the controller. It may be called again until it returns a ControllerRunning, which
        has the way to the named node too."""
        path = f"{_path(name)}/controller/start"
        response, document = self._session.answered(
            "POST", path, query={"node": node} if node else None
        )
        model = ControllerStarting if response.status_code == ACCEPTED else ControllerRunning
        return read(model, path, document)

    def stop_controller(self, name: str) -> ControllerStatus:
        return self._session.ask(ControllerStatus, "POST", f"{_path(name)}/controller/stop")

    def operation(self, path: str) -> OperationAnswer:
        """Returns the state of an operation. Its status is 202 while it runs; 200, 409 (cancelled)
        or 424 (failed) once it has ended."""
        response, document = self._session.answered(
            "GET", path, ended=(CONFLICT, FAILED_DEPENDENCY)
        )
        problem = None if response.ok else read_problem(document)
        return OperationAnswer(response.status_code, problem)


def operation_path(name: str, generation: int) -> str:
    return f"{_path(name)}/operations/{generation}"


def _path(name: str) -> str:
    return f"/api/clusters/{quote(name, safe='')}"
