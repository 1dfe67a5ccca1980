"""The command template: joins the installation's templates into the one file that is deployed.

`az deployment sub create --template-file` and the portal take one file. A `relativePath` is
resolved only for a template with a URL, never for one on a disk.
"""

import argparse
import json
from pathlib import Path
from typing import Any, cast

from cli.exits import CommandError, Exit
from dev.paths import ROOT

PLATFORM = ROOT / "arm" / "platform"
MAIN, JOINED = "main.json", "azuredeploy.json"
STALE = f"arm/platform/{JOINED} is not what {MAIN} and its parts make: ./slipway template"


def template(args: argparse.Namespace) -> int:
    path, text = PLATFORM / JOINED, join(PLATFORM / MAIN)
    there = path.read_text(encoding="utf-8") if path.exists() else ""
    if args.check:
        if there != text:
            raise CommandError(Exit.FAILED, STALE)
    else:
        path.write_text(text, encoding="utf-8")
        changed = "written" if there != text else "as it was"
        print(f"{path.relative_to(ROOT)}: {len(text.encode())} bytes, {changed}")
    return Exit.OK


def join(main: Path) -> str:
    """Returns the template's text with each linked template in place of its link.

    Raises CommandError if a linked file does not exist beside the template.
    """
    whole = _filled(json.loads(main.read_text(encoding="utf-8")), main.parent)
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _filled(value: Any, directory: Path) -> Any:
    if isinstance(value, list):
        return [_filled(item, directory) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for key, item in cast("dict[str, Any]", value).items():
        if key == "templateLink":
            found["template"] = _part(item, directory)
        else:
            found[key] = _filled(item, directory)
    return found


def _part(link: dict[str, Any], directory: Path) -> Any:
    name = str(link.get("relativePath", ""))
    path = directory / name
    if path.parent != directory or not path.is_file() or set(link) != {"relativePath"}:
        raise CommandError(
            Exit.FAILED,
            f"templateLink {json.dumps(link)}: only a relativePath in the folder of {MAIN}",
        )
    return _filled(json.loads(path.read_text(encoding="utf-8")), directory)
