#!/usr/bin/python
"""Creates or changes directories, files and links of a machine in one call.

A task that loops over templates makes two or three calls for each file and host. With many hosts
that is most of a play's time.
"""

from __future__ import annotations

import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: slipway_tree
short_description: Create or change directories, files and links in one call
description:
  - Only what differs is written. A file is replaced in one step.
options:
  directories:
    description: Directories, which are created in this order.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Path of the directory., type: path, required: true}
      mode: {description: Its mode., type: str, default: "0755"}
      owner: {description: Its owner., type: str, default: root}
      group: {description: Its group., type: str, default: root}
  files:
    description: Files with their whole content.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Path of the file., type: path, required: true}
      content: {description: Its whole content., type: str, required: true}
      mode: {description: Its mode., type: str, default: "0644"}
      owner: {description: Its owner., type: str, default: root}
      group: {description: Its group., type: str, default: root}
  links:
    description: Symbolic links.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Path of the link., type: path, required: true}
      to: {description: Its target., type: path, required: true}
author: [Slipway]
"""
EXAMPLES = """
- name: Write containerd's configuration
  slipway_tree:
    directories: [{path: /etc/containerd}]
    files:
      - {path: /etc/containerd/config.toml, content: "version = 3"}
"""
RETURN = """
paths:
  description: Paths that were changed.
  type: list
  returned: always
"""

ATTRIBUTES = {
    "path": {"type": "path", "required": True},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
}
ARGUMENTS = {
    "directories": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {**ATTRIBUTES, "mode": {"type": "str", "default": "0755"}},
    },
    "files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            **ATTRIBUTES,
            "content": {"type": "str", "required": True},
            "mode": {"type": "str", "default": "0644"},
        },
    },
    "links": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "path", "required": True},
            "to": {"type": "path", "required": True},
        },
    },
}


class Tree:
    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self.changed: list[str] = []

    def directory(self, wanted: dict[str, str]) -> None:
        path = Path(wanted["path"])
        if path.exists() and not path.is_dir():
            self._module.fail_json(msg=f"{path} exists and is not a directory")
        made = not path.exists()
        if made and not self._module.check_mode:
            path.mkdir(parents=True)
        self._settle(wanted, made)

    def file(self, wanted: dict[str, str]) -> None:
        path, content = Path(wanted["path"]), wanted["content"].encode()
        if path.is_dir():
            self._module.fail_json(msg=f"{path} exists and is a directory")
        written = not path.is_file() or path.is_symlink() or path.read_bytes() != content
        if written and not self._module.check_mode:
            part = Path(f"{path}.slipway-part")
            part.unlink(missing_ok=True)
            # Until the file has its owner and mode, only this user can read it.
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
                new.write(content)
                new.flush()
                os.fsync(new.fileno())
            self._attributes(wanted | {"path": str(part)})
            part.replace(path)
        self._settle(wanted, written)

    def link(self, wanted: dict[str, str]) -> None:
        path = Path(wanted["path"])
        if path.exists() and not path.is_symlink():
            self._module.fail_json(msg=f"{path} exists and is not a link")
        if path.is_symlink() and str(path.readlink()) == wanted["to"]:
            return
        self.changed.append(str(path))
        if not self._module.check_mode:
            part = Path(f"{path}.slipway-part")
            part.unlink(missing_ok=True)
            part.symlink_to(wanted["to"])
            part.replace(path)

    def _settle(self, wanted: dict[str, str], changed: bool) -> None:
        if Path(wanted["path"]).exists():
            changed = self._attributes(wanted) or changed
        if changed:
            self.changed.append(wanted["path"])

    def _attributes(self, wanted: dict[str, str]) -> bool:
        names = {name: wanted[name] for name in ("path", "mode", "owner", "group")}
        arguments = self._module.load_file_common_arguments(names)
        return self._module.set_fs_attributes_if_different(arguments, changed=False)


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    # The directories above those that are named have no mode of their own.
    os.umask(0o022)
    tree = Tree(module)
    try:
        for wanted in module.params["directories"]:
            tree.directory(wanted)
        for wanted in module.params["files"]:
            tree.file(wanted)
        for wanted in module.params["links"]:
            tree.link(wanted)
    except OSError as error:
        module.fail_json(msg=f"{error.filename}: {error.strerror}")
    module.exit_json(changed=bool(tree.changed), paths=tree.changed)


if __name__ == "__main__":
    main()
