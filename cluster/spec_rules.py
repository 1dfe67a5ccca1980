"""Rules that need more than one field, and the one way to turn input into a spec.

Every fault is reported at once, each with its path and what is allowed.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydantic import ValidationError

from cluster import names
from cluster.admin_names import refused_admin
from cluster.fault_texts import fault_of
from cluster.faults import Fault, SpecRefusedError
from cluster.network_rules import network_faults
from cluster.node_keys import node_key_faults
from cluster.presentable import counted
from cluster.spec import ClusterSpec
from cluster.spec_machines import AVAILABILITY_SET_VMS, Taint
from cluster.trust import trust_faults

MAX_NODES = 1000
MAX_DEPTH = 4
# "Microsoft", "Azure" and "Windows" are reserved as prefixes of tag names, in any case.
RESERVED_TAGS = ("azure", "microsoft", "windows")
# A body may have thousands of faults, and an answer with all of them would help nobody.
MAX_FAULTS = 100


def parse_spec(data: object, name: str | None = None) -> ClusterSpec:
    """Checks everything that can be checked without Azure.

    Args:
        data: the parsed JSON or YAML document.
        name: the cluster's name from the URL, where there is one; the document may leave it out.

    Raises:
        SpecRefusedError: with all faults.
    """
    if not isinstance(data, dict):
        raise SpecRefusedError([Fault(path="", message="not an object", allowed="a mapping")])
    document = copy.deepcopy(cast(dict[str, Any], data))
    faults: list[Fault] = []
    if name is not None and document.setdefault("name", name) != name:
        faults.append(
            Fault(path="name", message="differs from the name in the URL", allowed=repr(name))
        )
        document["name"] = name
    try:
        spec = ClusterSpec.model_validate(document)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        faults += [fault_of(dict(e)) for e in errors[:MAX_FAULTS]]
        if len(errors) <= MAX_FAULTS:
            rest = _without(document, [e["loc"] for e in errors])
            faults += _faults_of_the_rest(rest, faults)
        raise SpecRefusedError(_first(faults, len(errors))) from None
    faults += check(spec)
    if faults:
        raise SpecRefusedError(_first(faults))
    return spec


def _first(faults: list[Fault], errors: int = 0) -> list[Fault]:
    """Returns the first faults, and how many more there are. `errors`: how many were found, if not
    each became a fault."""
    more = max(len(faults), errors) - MAX_FAULTS
    if more <= 0:
        return faults
    told = Fault(path="", message=counted(more, "more fault"), allowed="fix those above first")
    return [*faults[:MAX_FAULTS], told]


def check(spec: ClusterSpec, known_subnets: Mapping[str, str] | None = None) -> list[Fault]:
    """All faults of a spec whose fields are each well-formed."""
    return [
        *_pool_faults(spec),
        *network_faults(spec, known_subnets or {}),
        *_name_faults(spec),
        *trust_faults(spec.registries, spec.trusted_certificates),
    ]


def _name_faults(spec: ClusterSpec) -> Iterator[Fault]:
    if reason := refused_admin(spec.admin_user):
        yield Fault(
            path="adminUser",
            message=f"'{spec.admin_user}' {reason}",
            allowed="another name, such as 'slipway'",
        )
    folded: dict[str, str] = {}
    for key in spec.tags:
        if (other := folded.setdefault(key.lower(), key)) != key:
            yield Fault(
                path=f"tags.{key}",
                message=f"is the same tag as '{other}' to Azure",
                allowed="keys that differ in more than capitals",
            )
        if key.lower().startswith("slipway"):
            yield Fault(
                path=f"tags.{key}",
                message="is Slipway's own",
                allowed="keys that do not begin with 'slipway'",
            )
        if prefix := next((one for one in RESERVED_TAGS if key.lower().startswith(one)), None):
            yield Fault(
                path=f"tags.{key}",
                message=f"begins with '{prefix}', which Azure reserves",
                allowed="keys that do not begin with " + ", ".join(RESERVED_TAGS),
            )
    if len(set(spec.zones)) != len(spec.zones):
        yield Fault(path="zones", message="names a zone twice", allowed="each of 1, 2, 3 once")


def _pool_faults(spec: ClusterSpec) -> Iterator[Fault]:
    seen: set[str] = set()
    for index, pool in enumerate(spec.workers):
        path = f"workers[{index}]"
        if pool.name in names.RESERVED_POOLS:
            yield Fault(
                path=f"{path}.name",
                message=f"'{pool.name}' is reserved",
                allowed="none of " + ", ".join(sorted(names.RESERVED_POOLS)),
            )
        if pool.name in seen:
            yield Fault(
                path=f"{path}.name",
                message=f"'{pool.name}' is named twice",
                allowed="each pool once",
            )
        seen.add(pool.name)
        if not (pool.max_surge or pool.max_unavailable):
            yield Fault(
                path=f"{path}.maxSurge",
                message="is 0, and so is maxUnavailable: no worker of the pool could be replaced",
                allowed="1 or more for one of the two",
            )
        yield from _taint_faults(f"{path}.taints", pool.taints)
        yield from node_key_faults(path, pool)
        if pool.count > AVAILABILITY_SET_VMS and not spec.zones:
            yield Fault(
                path=f"{path}.count",
                message=f"{counted(pool.count, 'node')} without zones",
                allowed=f"at most {AVAILABILITY_SET_VMS} a pool; name zones for more",
            )
    total = spec.etcd.count + spec.control_plane.count + sum(p.count for p in spec.workers)
    if total > MAX_NODES + 10:
        yield Fault(path="workers", message=f"{total} nodes in all", allowed=f"at most {MAX_NODES}")


def _taint_faults(path: str, taints: tuple[Taint, ...]) -> Iterator[Fault]:
    """Kubernetes refuses a node with two taints of one key and effect."""
    seen: dict[tuple[str, str], int] = {}
    for index, taint in enumerate(taints):
        earlier = seen.setdefault((taint.key, taint.effect), index)
        if earlier != index:
            yield Fault(
                path=f"{path}[{index}]",
                message=f"has the key and the effect of {path}[{earlier}]",
                allowed="each key once with an effect",
            )


def _without(document: dict[str, Any], places: list[tuple[int | str, ...]]) -> dict[str, Any]:
    """The document less the faulty places, so that the other faults are reported as well."""
    rest = copy.deepcopy(document)
    for place in sorted(places, key=lambda p: [str(x).zfill(6) for x in p], reverse=True):
        holder: Any = rest
        for part in place[:-1]:
            try:
                holder = holder[part]
            except (KeyError, IndexError, TypeError):
                holder = None
                break
        last = place[-1] if place else None
        if isinstance(holder, dict):
            cast(dict[Any, Any], holder).pop(last, None)
        elif (
            isinstance(holder, list)
            and isinstance(last, int)
            and last < len(cast(list[Any], holder))
        ):
            cast(list[Any], holder).pop(last)
    return rest


def _faults_of_the_rest(rest: dict[str, Any], found: list[Fault]) -> list[Fault]:
    rest.setdefault("name", "unnamed")
    for _ in range(MAX_DEPTH):
        try:
            spec = ClusterSpec.model_validate(rest)
        except ValidationError as error:
            # What is left is incomplete where a required field was faulty: leave its holder out.
            rest = _without(rest, [e["loc"][:-1] for e in error.errors()])
            continue
        known = {fault.path for fault in found}
        # What was left out of a list moved the others' indices: better silent than misplaced.
        moved = tuple({path.partition("[")[0] + "[" for path in known if "[" in path})
        return [
            fault
            for fault in check(spec)
            if fault.path not in known and not fault.path.startswith(moved)
        ]
    return []
