"""The command context: lists, selects, adds and removes named installations."""

import getpass
import json
import shlex
import sys
from argparse import Namespace

from rich.text import Text

from cli.console import new_console, new_table
from cli.contexts import LAB, NAME, Context, contexts_file, read_contexts, write_contexts
from cli.exits import CommandError, Exit
from cli.targets import Target, checked_target
from cli.text import clean


def list_contexts(args: Namespace) -> int:
    """Prints the contexts, never a key."""
    found = read_contexts()
    if args.json:
        named = [
            {
                "name": name,
                "url": one.url,
                "clientId": one.client_id,
                "current": name == found.current,
            }
            for name, one in sorted(found.named.items())
        ]
        print(json.dumps({"contexts": named}))
        return Exit.OK
    if not found.named:
        print("no contexts; 'slipway context add NAME --url URL' makes one", file=sys.stderr)
        return Exit.OK
    table = new_table("", "name", "url", "requests carry")
    for name, one in sorted(found.named.items()):
        row = ("*" if name == found.current else "", name, one.url, one.source)
        table.add_row(*(Text(clean(text)) for text in row))
    new_console().print(table)
    return Exit.OK


def use(args: Namespace) -> int:
    contexts = read_contexts()
    found = contexts.get(args.name)
    write_contexts(contexts.using(args.name))
    print(clean(f"slipway: using context '{args.name}', {found.url}"), file=sys.stderr)
    return Exit.OK


def add(args: Namespace) -> int:
    """Adds a context. The key is read from standard input or asked for, never an argument: other
    users of the machine see those.

    Raises:
        CommandError: the name, the address or the id is not valid, or the name is taken.
    """
    if args.name == LAB or not NAME.fullmatch(args.name):
        rule = "letters, digits, '.', '_' and '-', at most 40, and not 'lab', which is the lab here"
        raise CommandError(Exit.REFUSED, f"'{args.name}' cannot be a context's name: {rule}")
    contexts = read_contexts()
    if args.name in contexts.named and not args.force:
        text = f"context '{args.name}' exists; --force replaces it"
        raise CommandError(Exit.REFUSED, text)
    target = checked_target("the context's ", Target(args.url, "", client_id=args.client_id or ""))
    command = _split(args.key_command)
    context = Context(
        target.url,
        target.client_id.lower(),
        command,
        args.key_variable or "",
        _read_key() if args.key_stdin else "",
    )
    changed = contexts.added(args.name, context)
    write_contexts(changed)
    stored = f"; the key is in {contexts_file()}, for you alone to read" if context.key else ""
    chosen = (
        "" if changed.current == args.name else f"; 'slipway context use {args.name}' selects it"
    )
    print(clean(f"slipway: added context '{args.name}'{stored}{chosen}"), file=sys.stderr)
    return Exit.OK


def remove(args: Namespace) -> int:
    contexts = read_contexts()
    contexts.get(args.name)
    write_contexts(contexts.removed(args.name))
    print(clean(f"slipway: removed context '{args.name}'"), file=sys.stderr)
    return Exit.OK


def _split(text: str | None) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text or ""))
    except ValueError as error:
        raise CommandError(Exit.REFUSED, f"--key-command cannot be split: {error}") from None


def _read_key() -> str:
    key = getpass.getpass("key: ") if sys.stdin.isatty() else sys.stdin.readline()
    key = key.strip()
    if not key or not key.isprintable():
        raise CommandError(Exit.REFUSED, "no key was read from standard input")
    return key
