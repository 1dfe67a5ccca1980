"""The operator's commands. Each imports its module when it runs, so that a command loads only the
libraries that it uses: `get --json` loads neither Azure's SDKs nor the tables."""

from argparse import Namespace


def init(args: Namespace) -> int:
    from cli.validate import init as run

    return run(args)


def validate(args: Namespace) -> int:
    from cli.validate import validate as run

    return run(args)


def schema(args: Namespace) -> int:
    from cli.validate import schema as run

    return run(args)


def plan(args: Namespace) -> int:
    from cli.apply import plan as run

    return run(args)


def apply(args: Namespace) -> int:
    from cli.apply import apply as run

    return run(args)


def adopt(args: Namespace) -> int:
    from cli.apply import adopt as run

    return run(args)


def delete(args: Namespace) -> int:
    from cli.apply import delete as run

    return run(args)


def delete_node(args: Namespace) -> int:
    from cli.apply import delete_node as run

    return run(args)


def replace_node(args: Namespace) -> int:
    from cli.apply import replace_node as run

    return run(args)


def backup(args: Namespace) -> int:
    from cli.apply import backup as run

    return run(args)


def maintain(args: Namespace) -> int:
    from cli.apply import maintain as run

    return run(args)


def rotate(args: Namespace) -> int:
    from cli.apply import rotate as run

    return run(args)


def backups(args: Namespace) -> int:
    from cli.show import backups as run

    return run(args)


def restore(args: Namespace) -> int:
    from cli.apply import restore as run

    return run(args)


def forget(args: Namespace) -> int:
    from cli.apply import forget as run

    return run(args)


def get(args: Namespace) -> int:
    from cli.show import get as run

    return run(args)


def events(args: Namespace) -> int:
    from cli.show import events as run

    return run(args)


def logs(args: Namespace) -> int:
    from cli.logs import logs as run

    return run(args)


def operations(args: Namespace) -> int:
    from cli.show import operations as run

    return run(args)


def wait(args: Namespace) -> int:
    from cli.wait import wait as run

    return run(args)


def cancel(args: Namespace) -> int:
    from cli.show import cancel as run

    return run(args)


def login(args: Namespace) -> int:
    from cli.login import login as run

    return run(args)


def view(args: Namespace) -> int:
    from cli.view import view as run

    return run(args)


def doctor(args: Namespace) -> int:
    from cli.doctor import doctor as run

    return run(args)


def kubeconfig(args: Namespace) -> int:
    from cli.extras import require_access

    require_access("kubeconfig")
    from cli.kubeconfig import kubeconfig as run

    return run(args)


def tunnel(args: Namespace) -> int:
    from cli.extras import require_access

    require_access("tunnel")
    from cli.tunnel import tunnel as run

    return run(args)


def dashboard(args: Namespace) -> int:
    from cli.extras import require_access

    require_access("dashboard")
    from cli.dashboard import dashboard as run

    return run(args)


def ssh(args: Namespace) -> int:
    from cli.extras import require_access

    require_access("ssh")
    from cli.remote import shell as run

    return run(args)


def execute(args: Namespace) -> int:
    from cli.extras import require_access

    require_access("exec")
    from cli.remote import execute as run

    return run(args)


def list_contexts(args: Namespace) -> int:
    from cli.context import list_contexts as run

    return run(args)


def use_context(args: Namespace) -> int:
    from cli.context import use as run

    return run(args)


def add_context(args: Namespace) -> int:
    from cli.context import add as run

    return run(args)


def remove_context(args: Namespace) -> int:
    from cli.context import remove as run

    return run(args)


def mirror(args: Namespace) -> int:
    from cli.mirror import mirror as run

    return run(args)


def completion(args: Namespace) -> int:
    from cli.completion import completion as run

    return run(args)


def print_help(args: Namespace) -> int:
    """Prints the help of a command, or that of the program."""
    parsers = args.commands.choices
    if args.topic and args.topic not in parsers:
        args.parser.error(f"there is no command '{args.topic}'; 'slipway help' lists them")
    (parsers[args.topic] if args.topic else args.parser).print_help()
    return 0
