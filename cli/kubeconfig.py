"""The command kubeconfig: copies a kubeconfig from the vault to a file that only its owner can
read."""

import os
import sys
import tempfile
from argparse import Namespace
from pathlib import Path

from cli.access import need_access
from cli.api import Api
from cli.exits import CommandError, Exit
from cli.files import refuse_form
from cli.merge import locked, merged, own_kubeconfig
from cli.targets import find_target
from cli.text import clean
from cli.vault import read_secret
from cluster.kubeconfig import cluster_of, ends_at, with_server
from cluster.kubernetes_api import API_PORT, public_server, tunnel_server


def kubeconfig(args: Namespace) -> int:
    """Writes the file. Reports on standard error what it wrote, and what else is needed to use
    it."""
    refuse_form(args.output)
    output = None if args.output == "-" else Path(args.output or f"{args.name}.kubeconfig")
    if output and not args.force and not args.merge:
        _refuse_others(output, args.name)
    target = find_target(args)
    access = need_access(Api(target).cluster(args.name))
    text = read_secret(target, args.vault or access.vault, access.kubeconfig_secret)
    public = access.public_address if args.port is None else None
    server = public_server(public) if public else tunnel_server(args.port or API_PORT)
    try:
        text, ends = with_server(text, server), ends_at(text)
    except ValueError as error:
        found = f"secret '{access.kubeconfig_secret}' is {error}: apply the spec again"
        raise CommandError(Exit.FAILED, found) from None
    if args.merge:
        return _merge(args, text, server, public)
    if output is None:
        sys.stdout.write(text)
    else:
        _write(output, text)
        wrote = f"wrote {output}, for {server}, valid until {ends:%Y-%m-%d}"
        print(clean(wrote), file=sys.stderr)
    print(clean(_next(args.name, server, public, output)), file=sys.stderr)
    return Exit.OK


def _merge(args: Namespace, text: str, server: str, public: str | None) -> int:
    """Adds the cluster to the user's own kubeconfig."""
    path = own_kubeconfig()
    with locked(path):
        content, current = merged(path, text, force=args.force)
        _write(path, content)
    name = args.name
    print(clean(f"wrote context '{name}' into {path}, for {server}"), file=sys.stderr)
    if current != name:
        hint = f"the current context is still '{current}': kubectl config use-context {name}"
        print(clean(hint), file=sys.stderr)
    if not public:
        port = server.rpartition(":")[2]
        option = "" if port == str(API_PORT) else f" --port {port}"
        print(clean(f"through a tunnel: slipway tunnel {name}{option}"), file=sys.stderr)
    return Exit.OK


def _next(name: str, server: str, public: str | None, output: Path | None) -> str:
    named = f"kubectl --kubeconfig={output} get nodes" if output else "kubectl get nodes"
    if public:
        return f"through the public frontend, from the spec's allowed sources: {named}"
    port = server.rpartition(":")[2]
    option = "" if port == str(API_PORT) else f" --port {port}"
    return f"through a tunnel: slipway tunnel {name}{option}\nthen: {named}"


def _refuse_others(path: Path, name: str) -> None:
    """Raises CommandError if the file is not a kubeconfig of the same cluster. One of the same
    cluster is replaced, because its certificate may be an older one."""
    if not path.exists():
        return
    try:
        owner = f"is for cluster '{cluster_of(path.read_text(encoding='utf-8'))}'"
    except (ValueError, OSError) as error:
        owner = f"is {error}" if isinstance(error, ValueError) else "cannot be read"
    if owner != f"is for cluster '{name}'":
        text = f"{path} {owner}; name another file (--output), or replace it (--force)"
        raise CommandError(Exit.REFUSED, text)


def _write(path: Path, text: str) -> None:
    """Writes a temporary file and renames it, so that the file is never incomplete or readable for
    others."""
    try:
        descriptor, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(part).replace(path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
    except OSError as error:
        text = f"cannot write {path}: {error.strerror}; name another file with --output"
        raise CommandError(Exit.FAILED, text) from None
