"""The named installations of this user, in one file that only the user can read.

A context names where an installation is and where its key comes from. The key itself is in the file
only if the user asked for that; a command or a variable keeps it out.
"""

import json
import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from cli.exits import CommandError, Exit
from cli.text import clean

# The lab on this machine. It needs no entry in the file.
LAB = "lab"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
KEY_SECONDS = 60
OTHERS = 0o077


@dataclass(frozen=True)
class Context:
    """One installation. At most one of the three sources of the key is set."""

    url: str
    client_id: str = ""
    key_command: tuple[str, ...] = ()
    key_variable: str = ""
    key: str = field(default="", repr=False)

    @property
    def source(self) -> str:
        """How requests identify the caller, for people."""
        if self.key_command:
            key = f"key from the command {self.key_command[0]}"
        elif self.key_variable:
            key = f"key from the variable {self.key_variable}"
        else:
            key = "key in the file" if self.key else ""
        token = f"token for {self.client_id}" if self.client_id else ""
        return ", ".join(filter(None, (key, token))) or "neither key nor token"

    def read_key(self, name: str) -> str:
        """Returns the key, or an empty string if the installation is used without one.

        Raises:
            CommandError: the variable is not set, or the command failed. Its output is not shown.
        """
        if self.key_variable:
            found = os.environ.get(self.key_variable, "")
            if not found:
                text = f"context '{name}' takes its key from {self.key_variable}, which is not set"
                raise CommandError(Exit.REFUSED, text)
            return found
        return _output_of(self.key_command, name) if self.key_command else self.key


@dataclass(frozen=True)
class Contexts:
    """The content of the file."""

    current: str = ""
    named: Mapping[str, Context] = field(default_factory=dict[str, Context])

    def get(self, name: str) -> Context:
        """Returns a context. Raises CommandError if there is none of that name."""
        found = self.named.get(name)
        if found is None:
            known = f"known: {', '.join(sorted(self.named))}" if self.named else "none is known"
            text = f"there is no context '{name}' ({known}); 'slipway context add' makes one"
            raise CommandError(Exit.REFUSED, text)
        return found

    def added(self, name: str, context: Context) -> "Contexts":
        """Returns these contexts with another one. The first one becomes the current one."""
        return Contexts(self.current or name, {**self.named, name: context})

    def removed(self, name: str) -> "Contexts":
        left = {other: context for other, context in self.named.items() if other != name}
        return Contexts("" if self.current == name else self.current, left)

    def using(self, name: str) -> "Contexts":
        return replace(self, current=name)


def contexts_file() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME", "")
    directory = Path(base) if base.startswith("/") else Path.home() / ".config"
    return directory / "slipway" / "contexts.json"


def read_contexts() -> Contexts:
    """Returns the contexts of this user; none if there is no file.

    Raises:
        CommandError: the file cannot be read, or has another form, or holds a key and can be read
            by others.
    """
    path = contexts_file()
    try:
        text, mode = path.read_text(encoding="utf-8"), path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return Contexts()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(Exit.REFUSED, f"cannot read {path}: {error}") from None
    try:
        found = _parsed(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        text = f"{path} is not a file of contexts: correct it, or move it out of the way"
        raise CommandError(Exit.REFUSED, text) from None
    if mode & OTHERS and any(context.key for context in found.named.values()):
        text = (
            f"{path} has a key, and others can read it\n  next: chmod 600 {shlex.quote(str(path))}"
        )
        raise CommandError(Exit.REFUSED, text)
    return found


def write_contexts(contexts: Contexts) -> None:
    """Writes the file anew; only its owner can read it. Raises CommandError."""
    path = contexts_file()
    named = {name: _written(context) for name, context in sorted(contexts.named.items())}
    document = {"current": contexts.current, "contexts": named}
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, part = tempfile.mkstemp(prefix=".contexts.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(document, file, indent=2)
                file.write("\n")
            Path(part).replace(path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CommandError(Exit.FAILED, f"cannot write {path}: {error.strerror}") from None


def _parsed(document: Any) -> Contexts:
    named: dict[str, Context] = {}
    for name, fields in document["contexts"].items():
        known = {one: fields[one] for one in Context.__dataclass_fields__ if one in fields}
        command = cast("list[str]", known.pop("key_command", []))
        if not all(isinstance(value, str) for value in (*known.values(), *command)):
            raise TypeError("a value that is no text")
        named[str(name)] = Context(**known, key_command=tuple(command))
    current = document.get("current", "")
    return Contexts(current if current in named else "", named)


def _written(context: Context) -> dict[str, Any]:
    return {name: value for name, value in asdict(context).items() if value}


def _output_of(argv: tuple[str, ...], name: str) -> str:
    what = f"the key command of context '{name}' ({argv[0]})"
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=KEY_SECONDS,
        )
    except subprocess.TimeoutExpired:
        text = f"{what} did not end within {KEY_SECONDS} s"
        raise CommandError(Exit.UNREACHABLE, text) from None
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(Exit.REFUSED, f"{what} cannot be used: {error}") from None
    key = done.stdout.strip()
    if done.returncode or not key or not key.isprintable():
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        why = clean(lines[-1])[:400] if lines else f"exit code {done.returncode}, no key"
        raise CommandError(Exit.REFUSED, f"{what} gave no key: {why}")
    return key
