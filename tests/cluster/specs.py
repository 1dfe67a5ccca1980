"""Specs for properties: valid ones of every shape, and the same with one fault."""

import copy
import string
from typing import Any

from hypothesis import strategies as st

from cluster.admin_names import refused_admin
from cluster.stages import LAST_STAGES

# What shells, YAML, INI, Jinja, paths, options and terminals would take for their own.
TRICKS = (
    "$(touch /tmp/owned)",
    "`id`",
    "a; rm -rf /",
    "a && id",
    "a | id",
    "a\nb: c",
    "a\r\nX-Header: 1",
    "{{ lookup('pipe', 'id') }}",
    "{% for a in b %}",
    "{# a #}",
    "[all:vars]",
    "a=b ansible_connection=local",
    "!!python/object/apply:os.system [id]",
    "!unsafe a",
    "&a",
    "*a",
    "a: b",
    "# a",
    "'",
    '"',
    "../../etc/passwd",
    "/etc/passwd",
    "..",
    "a/../b",
    "%2e%2e%2f",
    "-oProxyCommand=id",
    "--help",
    "a\0b",
    "\x1b[2J",
    "\u202eabc",
    "ａ",
    " a",
    "a ",
    "",
    "[resourceId('a')]",
    "${HOME}",
    "\\\\host\\share",
    "a" * 5000,
)
LOWER = string.ascii_lowercase
# Address spaces of network, pods and services that do not overlap.
SPACES = (
    ("10.0.0.0/16", "100.64.0.0/10", "10.96.0.0/16"),
    ("10.32.0.0/12", "10.64.0.0/11", "192.168.0.0/16"),
    ("172.16.0.0/16", "10.0.0.0/8", "172.17.0.0/20"),
    ("192.168.0.0/16", "172.16.0.0/13", "10.96.0.0/12"),
)


def word(first: str, rest: str, length: int) -> st.SearchStrategy[str]:
    return st.builds(str.__add__, st.sampled_from(first), st.text(rest, max_size=length - 1))


POOL_NAMES = word(LOWER, LOWER + string.digits, 12).filter(
    lambda name: name not in {"controller", "etcd", "controlplane", "api"}
)
LABELS = word(string.ascii_letters, string.ascii_letters + string.digits, 30)
ADMINS = word(LOWER, LOWER + string.digits, 12).filter(
    lambda name: len(name) > 1 and not refused_admin(name)
)
URLS = st.builds(
    "https://{}.example.org/{}".format, word(LOWER, LOWER, 8), st.text(LOWER + "/", max_size=8)
)
TAG_TEXT = st.text(
    st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), max_size=40
).filter(lambda text: not text.startswith("["))
TAG_KEYS = LABELS.filter(lambda key: not key.lower().startswith("slipway"))
ODD = st.sampled_from([1, 3, 5])
SECURITY_RULES = st.fixed_dictionaries(
    {
        "ports": st.lists(
            st.sampled_from([80, "443", "9100-9110", "11000-65535", "53"]), min_size=1, unique=True
        ),
        "sources": st.sampled_from([["10.0.0.0/8"], ["203.0.113.7/32", "172.16.0.0/12"]]),
    },
    optional={"protocol": st.sampled_from(["tcp", "udp"])},
)


def pools(most: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    taints = st.fixed_dictionaries(
        {"key": LABELS, "effect": st.sampled_from(["NoSchedule", "NoExecute"])},
        optional={"value": LABELS},
    )
    pool = st.fixed_dictionaries(
        {"name": POOL_NAMES, "count": st.integers(0, most)},
        optional={
            "vmSize": st.just("Standard_D8s_v5"),
            "osDiskGiB": st.integers(30, 2048),
            "maxSurge": st.integers(1, 100),
            "maxUnavailable": st.integers(0, 100),
            "labels": st.dictionaries(LABELS, LABELS, max_size=3),
            "securityRules": st.lists(SECURITY_RULES, max_size=3),
            "taints": st.lists(
                taints, max_size=2, unique_by=lambda each: (each["key"], each["effect"])
            ),
        },
    )
    return st.lists(pool, max_size=6, unique_by=lambda each: str(each["name"]))


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A valid spec: `parse_spec` takes each of them."""
    vnet, pods, services = draw(st.sampled_from(SPACES))
    base = vnet.rpartition("/")[0].rpartition(".")[0].rpartition(".")[0]
    sizes = [draw(st.integers(24, 28)) for _ in range(3)]
    names = ("controller", "controlPlane", "etcd")
    zones = draw(st.lists(st.sampled_from(["1", "2", "3"]), unique=True, max_size=3))
    optional = {
        "adminUser": ADMINS,
        "tags": st.dictionaries(TAG_KEYS, TAG_TEXT, max_size=3),
        "packageMirror": URLS,
        "proxy": st.fixed_dictionaries({"http": URLS, "noProxy": st.lists(LABELS, max_size=3)}),
        "artifacts": st.fixed_dictionaries({"url": URLS, "manifestSha256": st.just("0" * 64)}),
        "playbook": st.fixed_dictionaries({"through": st.sampled_from(LAST_STAGES)}),
        "controller": st.fixed_dictionaries({"keep": st.booleans()}),
        "drain": st.fixed_dictionaries({"force": st.booleans()}),
        "backups": st.fixed_dictionaries({"keep": st.integers(1, 365)}),
        "maintenance": st.fixed_dictionaries(
            {
                "enabled": st.booleans(),
                "everyDays": st.none() | st.integers(1, 30),
                "startHour": st.none() | st.integers(0, 23),
                "securityUpdates": st.booleans(),
                "repair": st.booleans(),
            }
        ),
    }
    return {
        "name": draw(word(LOWER, LOWER + string.digits, 20).filter(lambda n: len(n) > 2)),
        "kubernetes": {"podCidr": pods, "serviceCidr": services},
        "network": {
            "vnetCidr": vnet,
            "subnets": {
                name: f"{base}.{number}.0/{size}"
                for number, (name, size) in enumerate(zip(names, sizes, strict=True))
            },
        },
        "etcd": {"count": draw(ODD)},
        "controlPlane": {"count": draw(ODD)},
        "workers": draw(pools(166 if zones else 120)),
        "zones": zones,
        **draw(st.fixed_dictionaries({}, optional=optional)),
    }


# Path, and what is refused there whatever the rest is.
WORDS = st.sampled_from(TRICKS)
NUMBERS = st.sampled_from([-1, 0, 2, 10**30, 1.5, 3.0, 5.0, "3", "5", None, [], {}, True])
FLAGS = st.sampled_from(["yes", "true", 1, 0, None, 1.0])
SPOILS: dict[str, st.SearchStrategy[Any]] = {
    "etcd.count": NUMBERS,
    "controlPlane.count": NUMBERS,
    "etcd.dataDiskGiB": NUMBERS,
    "controller": st.fixed_dictionaries({"keep": FLAGS}),
    "name": WORDS,
    "location": WORDS,
    "resourceGroup": WORDS,
    "adminUser": WORDS,
    "packageMirror": WORDS,
    "zones": st.sampled_from([["1", "1"], ["4"], "1", [4], [1, "1"], [True], [1.0], {}]),
    "network.vnetCidr": WORDS | st.sampled_from(["8.8.0.0/16", "10.0.0.1/16", "::/0", 7]),
    "network.subnets.etcd": WORDS | st.sampled_from(["11.0.0.0/24", "0.0.0.0/0"]),
    "network.allowedSources": WORDS.map(lambda text: [text]),
    "kubernetes.podCidr": WORDS | st.just("1.0.0.0/8"),
    "kubernetes.version": WORDS | st.just("1.20"),
    "artifacts": st.fixed_dictionaries({"url": WORDS, "manifestSha256": st.just("0" * 64)}),
    "proxy.http": WORDS | st.just("http://user:word@proxy"),
    "slack": st.fixed_dictionaries({"secret": WORDS}),
    "image": st.fixed_dictionaries({"version": WORDS}),
    "drain.deadlineSeconds": NUMBERS | st.just(59),
    "drain": st.fixed_dictionaries({"force": FLAGS}),
    "maintenance": st.sampled_from(
        [
            {"everyDays": 0},
            {"everyDays": 31},
            {"everyDays": True},
            {"startHour": 24},
            {"startHour": -1},
            {"startHour": "2"},
            {"enabled": "yes"},
            {"securityUpdates": "yes"},
            {"repair": 1},
            {"weekly": True},
            False,
            7,
        ]
    ),
    "backups": st.fixed_dictionaries({"keep": FLAGS.filter(lambda flag: type(flag) is not int)})
    | st.sampled_from([{"keep": 0}, {"keep": 366}, {"keep": True}, 7]),
    "playbook": st.fixed_dictionaries({"through": WORDS}),
    "registries": WORDS.map(lambda text: [{"host": text}]) | st.just([{}]),
    "trustedCertificates": WORDS.map(lambda text: [text]),
    "unknown": st.just(1),
    "addOns.dashboard": st.sampled_from(["no", 1, 0, None, "true", []]),
    "addOns.metrics": st.sampled_from(["yes", 1, 0, "true", {}, []]),
    "tags": st.just({"slipway": "x"}) | st.just({"a/b": "x"}) | st.just({"a": "x\ny"}),
    "etcd.securityRules": WORDS.map(lambda text: [{"ports": [text], "sources": ["10.0.0.0/8"]}])
    | st.just([{"ports": ["1-65535"], "sources": ["10.0.0.0/8"]}])
    | st.just([{"ports": ["9100"], "sources": ["0.0.0.0/0"]}]),
    "controlPlane.securityRules": WORDS.map(lambda text: [{"ports": ["9100"], "sources": [text]}])
    | st.just([{"ports": ["6443"], "sources": ["10.0.0.0/8"]}])
    | st.just([{"protocol": "*", "ports": ["9100"], "sources": ["10.0.0.0/8"]}]),
    "workers": WORDS | st.just([{"name": "etcd"}]) | st.just([{}]) | WORDS.map(
        lambda text: [{"name": text}]
    ),
}  # fmt: skip


@st.composite
def spoiled(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """A document with one fault, and the path at or below which the fault is reported."""
    document = copy.deepcopy(draw(documents()))
    document.pop("proxy", None)
    path = draw(st.sampled_from(sorted(SPOILS)))
    *parents, last = path.split(".")
    value = draw(SPOILS[path].filter(lambda found: not _good(path, found)))
    holder = document
    for part in parents:
        holder = holder.setdefault(part, {})
    holder[last] = value
    return document, path


def _good(path: str, value: Any) -> bool:
    """Tricks that are harmless where they stand."""
    good: dict[str, tuple[Any, ...]] = {
        "resourceGroup": (None, "--help"),  # Azure allows it
        "packageMirror": (None,),
        "slack": ({"secret": "--help"},),  # Key Vault allows it
    }
    return value in good.get(path, ())
