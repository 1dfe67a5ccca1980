"""The commands `lab up`, `down`, `status`, `exec`, `slack` and `event`."""

import json
import sys
from argparse import Namespace
from dataclasses import replace
from functools import partial

from cli.exits import CommandError, Exit
from cli.local_lab import running_lab
from cli.text import clean
from clients.access_settings import ACCESS
from lab import control
from lab.cli import event as lab_event
from lab.cli.privileges import become_root
from lab.cli.setup import set_up, sole_switch, step
from lab.fabric import FabricError
from lab.host.program import ProgramError
from lab.machines.machines import run_in
from lab.storage import StorageError

# Errors that the lab raises when it cannot do what was requested.
LAB_ERRORS = (control.LabError, FabricError, ProgramError, StorageError)


def report(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def up(args: Namespace) -> int:
    become_root("lab up")
    with sole_switch():
        if control.read_info():
            raise CommandError(Exit.REFUSED, "the lab is up; './slipway lab down' takes it down")
        try:
            supply = set_up(args.artifacts, {}, args.engine, report)
            options = supply.options(args.engine)
            options = replace(options, settings=options.settings | {ACCESS: args.access})
            info = step("lab", partial(control.up, options, report), report)
        except LAB_ERRORS as error:
            raise CommandError(Exit.FAILED, str(error)) from None
    print(f"the lab is up at {info.url}; slipway's commands use it")
    return Exit.OK


def down(args: Namespace) -> int:
    del args
    become_root("lab down")
    removed = control.down(report)
    abandoned = control.sweep(report)
    print("the lab is down" if removed else "there was no lab, and nothing left of one")
    for state in abandoned:
        print(f"removed what a lab without an owner had left: {state}")
    return Exit.OK


def status(args: Namespace) -> int:
    become_root("lab status")
    found = control.status()
    if args.json:
        print(json.dumps(found))
    elif found["up"]:
        print(f"up at {found['url']} (process {found['pid']}), state in {found['state']}")
        print(f"engine: {found['engine']}")
        print(f"machines: {', '.join(found['machines']) or 'none'}")
    else:
        left = f"; state is left in {found['state']}" if found["state"] else ""
        print(f"not up{left}")
    if not args.json:
        for other in found["others"]:
            end = "; nobody uses it: 'slipway lab down' removes it" if other["abandoned"] else ""
            print(f"another lab has its state in {other['state']}{end}")
    return Exit.OK if found["up"] else Exit.FAILED


def execute(args: Namespace) -> int:
    """Runs a command in a machine and returns its exit code."""
    argv = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not argv:
        raise CommandError(Exit.REFUSED, f"what to run? slipway lab exec {args.node} -- COMMAND")
    become_root("lab exec")
    try:
        return run_in(control.STATE, args.node, argv)
    except FabricError as error:
        raise CommandError(Exit.REFUSED, str(error)) from None


def slack(args: Namespace) -> int:
    del args
    become_root("lab slack")
    if not control.STATE.exists():
        raise CommandError(Exit.UNREACHABLE, "there is no lab; './slipway lab up' starts one")
    messages = control.STATE / "slack.jsonl"
    if messages.exists():
        sys.stdout.write(clean(messages.read_text(encoding="utf-8")))
    return Exit.OK


def event(args: Namespace) -> int:
    become_root("lab event")
    if args.deleted and args.tag:
        raise CommandError(Exit.REFUSED, "a deleted group has no tag: --tag or --deleted")
    lab = running_lab()
    if args.deleted:
        lab_event.delete_group(lab, args.group)
    elif args.tag:
        lab_event.tag_group(lab, args.group, args.location, args.tag)
    lab_event.send(lab, args.group, deleted=args.deleted)
    print("sent; 'slipway get' shows what it started")
    return Exit.OK
