"""The commands validate, schema and init: for whoever writes a spec. They send nothing."""

import json
import sys
from argparse import Namespace
from contextlib import suppress
from pathlib import Path

from cli.exits import CommandError, Exit
from cli.spec_template import SCHEMA_FILE, template
from cli.specs import check_spec, json_body, read_spec
from cluster.spec_schema import spec_schema


def validate(args: Namespace) -> int:
    """Checks a spec by the rules of the API of this version. What Azure and the installation
    allow is not known here; plan asks them."""
    spec = read_spec(args.file)
    check_spec(spec)
    if args.json:
        print(json.dumps({"name": spec.cluster, "faults": []}))
    else:
        print(f"{spec.path} is valid: {spec.cluster}; 'slipway plan' asks Azure too")
    return Exit.OK


def schema(args: Namespace) -> int:
    """Prints the JSON Schema of the spec."""
    del args
    print(json.dumps(spec_schema(), indent=2, ensure_ascii=False))
    return Exit.OK


def init(args: Namespace) -> int:
    """Writes a spec with a comment on every field, and beside it the schema that editors read.

    Raises:
        CommandError: the name is not one of a cluster, or the spec exists.
    """
    check_spec(json_body({"name": args.name}))
    output = args.output or f"{args.name}.yaml"
    if output == "-":
        sys.stdout.write(template(args.name))
        return Exit.OK
    path = Path(output)
    schema_path = path.with_name(SCHEMA_FILE)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(template(args.name))
        # An older version's schema is replaced; another's file of that name is not likely.
        schema_path.write_text(
            json.dumps(spec_schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    except FileExistsError:
        text = f"{path} exists; name another file with --output"
        raise CommandError(Exit.REFUSED, text) from None
    except OSError as error:
        text = f"cannot write {error.filename}: {error.strerror}; name another file with --output"
        raise CommandError(Exit.FAILED, text) from None
    with suppress(OSError):
        print(f"wrote {path}, and {schema_path} for editors", file=sys.stderr)
        print(f"next: slipway validate -f {path}", file=sys.stderr)
    return Exit.OK
