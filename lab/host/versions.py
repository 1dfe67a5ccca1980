"""The versions of orchestrations that a host runs, according to its host.json."""

from dataclasses import dataclass
from typing import Any

type Parts = tuple[int, ...]


@dataclass(frozen=True)
class Versions:
    """`own`: host.json's defaultVersion. `match`: None, Strict or CurrentOrOlder. `rejects`: a run
    of another version is left for another host; otherwise it fails."""

    own: str
    match: str
    rejects: bool

    @classmethod
    def of(cls, durable: dict[str, Any]) -> "Versions":
        """Returns the settings of `durable`, the section extensions.durableTask, with the
        extension's defaults."""
        return cls(
            own=str(durable.get("defaultVersion", "")),
            match=str(durable.get("versionMatchStrategy", "CurrentOrOlder")),
            rejects=durable.get("versionFailureStrategy", "Reject") == "Reject",
        )

    def takes(self, version: str) -> bool:
        if self.match == "None":
            return True
        if self.match == "Strict":
            return version.lower() == self.own.lower()
        ours, theirs = _parts(self.own), _parts(version)
        if ours and theirs:
            return theirs <= ours
        return version.lower() <= self.own.lower()


def _parts(version: str) -> Parts | None:
    """Parses a version as .NET does: two to four numbers. Returns None for any other text, which is
    compared as text, so that "10" is older than "9"."""
    parts = version.split(".")
    if 2 <= len(parts) <= 4 and all(part.isdecimal() for part in parts):
        return tuple(int(part) for part in parts)
    return None
