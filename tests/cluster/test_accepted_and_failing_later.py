"""What Azure, cloud-init or the nodes would refuse after machines were made is refused in the spec,
with the field and a rule in words."""

from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.faults import Fault, SpecRefusedError
from cluster.forms import RULES
from cluster.sources import is_open, merged
from cluster.spec import ClusterSpec
from cluster.spec_rules import parse_spec

BASE_PASSWD = Path("/usr/share/base-passwd")


def faults(**fields: Any) -> dict[str, Fault]:
    try:
        parse_spec({"name": "demo"} | fields)
    except SpecRefusedError as error:
        return {fault.path: fault for fault in error.faults}
    return {}


BAD_URLS = (
    "http://x/\x00",
    "http://x/\x1b[2J",
    "http://x/\x7f",
    "http://x/\x9b",
    "http://x/\u202eabc",
    "http://x/\u2028",
    "http://x\uff0ey/",
    "http://d\u00e9mo/",
    "http://x/%00",
    "http://x/%0d%0aHost:",
    "http://x/%7F",
    "http://x/%",
    "http://x/%zz",
    "http://@x",
    "http://:@x",
    "http://a@x",
    "http://a:b@x",
    "http://x:0",
    "http://x:00000",
    "http://x:",
    "http://x:/y",
    "http://x:65536",
    "http://x:-1",
    "http://x:a",
    "http://x?",
    "http://x/?",
    "http://x/#",
    "http://x/?a#b",
    "http://",
    "http:///x",
    "http:x",
    "//x",
    "ftp://x",
    "http://.x",
    "http://x..y",
    "http://-x",
    "http://x-",
    "http://" + "a" * 64,
    "http://1",
    "http://0x7f.1",
    "http://256.1.1.1",
    "http://1.2.3",
    "http://[::1",
    "http://[::g]",
    "http://[fe80::1%25eth0]",
    "http://[v1.x]",
    "http://*.x",
    "http://x/|y",
    "http://x/^",
)
GOOD_URLS = (
    "http://x",
    "https://mirror.example.org:8443/slipway/a-b_c~d/%20e",
    "http://10.0.0.4:3128",
    "http://[fd00::1]:80/x",
    "HTTP://EXAMPLE.ORG",
    "http://my_proxy.internal:1",
)


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_url_that_no_client_could_use_is_refused_wherever_it_stands(url: str) -> None:
    assert list(faults(packageMirror=url)) == ["packageMirror"]
    assert list(faults(proxy={"https": url})) == ["proxy.https"]
    registry = {"host": "registry.example.org", "mirrors": [url]}
    assert list(faults(registries=[registry])) == ["registries[0].mirrors[0]"]


ITSELF, PLATFORM, LINK, NOBODY = (
    "names each machine itself",
    "has an address of Azure's own services",
    "has a link-local address",
    "has an address that no host has",
)


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("localhost:3128", ITSELF),
        ("a.LocalHost", ITSELF),
        ("ip6-localhost:3128", ITSELF),
        ("IP6-Loopback", ITSELF),
        ("127.0.0.1:3128", ITSELF),
        ("127.8.9.1", ITSELF),
        ("0.0.0.0", ITSELF),
        ("169.254.169.254", PLATFORM),
        ("168.63.129.16:8080", PLATFORM),
        ("[::ffff:168.63.129.16]", PLATFORM),
        ("169.254.1.1", LINK),
        ("224.0.0.1", NOBODY),
        ("255.255.255.255", NOBODY),
        ("[::1]:80", ITSELF),
        ("[::]", ITSELF),
        ("[::ffff:127.0.0.1]", ITSELF),
        ("[fe80::1]", LINK),
        ("[ff02::1]", NOBODY),
    ],
)
def test_a_host_that_no_new_machine_reaches_is_refused_where_it_is_needed_first(
    host: str, why: str
) -> None:
    url = f"http://{host}/x"
    (message,) = faults(packageMirror=url).values()
    assert why in str(message)
    assert list(faults(packageMirror=url)) == ["packageMirror"]
    assert list(faults(proxy={"http": url})) == ["proxy.http"]
    artifacts = {"url": url, "manifestSha256": "0" * 64}
    assert list(faults(artifacts=artifacts)) == ["artifacts.url"]


def test_a_mirror_of_images_may_run_on_each_machine() -> None:
    registry = {"host": "registry.example.org", "mirrors": ["http://127.0.0.1:30020"]}
    assert faults(registries=[registry]) == {}


@pytest.mark.parametrize("url", GOOD_URLS)
def test_a_url_that_clients_use_is_accepted(url: str) -> None:
    assert faults(packageMirror=url) == {}


@given(st.text(max_size=12), st.sampled_from(["http://{}", "http://x{}", "http://x/{}"]))
def test_any_text_in_a_url_is_printable_or_refused(text: str, form: str) -> None:
    found = faults(packageMirror=form.format(text))
    assert found or (text.isascii() and text.isprintable() and " " not in text)


@pytest.mark.parametrize(
    "name",
    [
        *("www-data", "sshd", "etcd", "nobody", "nogroup", "sudo", "docker", "messagebus", "users"),
        *("systemd-network", "systemd-timesync", "snap-daemon", "plugdev", "ssl-cert", "root"),
        *("admin", "user5"),
    ],
)
def test_an_administrator_that_exists_on_the_image_is_refused(name: str) -> None:
    assert list(faults(adminUser=name)) == ["adminUser"]


@pytest.mark.skipif(not BASE_PASSWD.is_dir(), reason="base-passwd is not installed")
def test_every_user_and_group_of_debians_base_is_refused() -> None:
    for file in ("passwd.master", "group.master"):
        lines = (BASE_PASSWD / file).read_text().splitlines()
        names = [line.partition(":")[0] for line in lines if line]
        assert names
        assert [name for name in names if not faults(adminUser=name)] == []


SSH, API = "network.allowedSources", "controlPlane.publicApi.allowedSources"


def sources(path: str, *networks: str) -> dict[str, Fault]:
    inner: dict[str, Any] = {"allowedSources": list(networks)}
    if path == SSH:
        return faults(network=inner)
    return faults(controlPlane={"publicApi": inner})


@pytest.mark.parametrize("path", [SSH, API])
@pytest.mark.parametrize(
    ("networks", "index"),
    [
        (("0.0.0.0/0",), "[0]"),
        (("9.0.0.0/8", "0.0.0.0/0"), "[1]"),
        (("8.0.0.0/7",), "[0]"),
        (("0.0.0.0/1", "128.0.0.0/1"), "[0]"),
        (("8.0.0.0/8", "9.0.0.0/8"), ""),
        (tuple(f"{n}.0.0.0/9" for n in (20, 30, 40)), ""),
    ],
)
def test_sources_that_open_a_port_to_the_internet_are_refused(
    path: str, networks: tuple[str, ...], index: str
) -> None:
    found = sources(path, *networks)
    assert "to the internet" in found[path + index].message


@pytest.mark.parametrize("path", [SSH, API])
@pytest.mark.parametrize(
    "network",
    ["0.0.0.0/32", "127.0.0.1/32", "169.254.10.0/24", "239.1.0.0/16", "255.255.255.255/32"],
)
def test_sources_that_are_no_hosts_are_refused(path: str, network: str) -> None:
    found = sources(path, "203.0.113.0/24", network)
    assert list(found) == [f"{path}[1]"]
    assert "reserved" in found[f"{path}[1]"].message


def test_private_networks_may_reach_the_controller_whatever_their_size() -> None:
    private = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "203.0.113.0/24")
    assert sources(SSH, *private) == {}


@pytest.mark.parametrize("path", [SSH, API])
@pytest.mark.parametrize(
    ("networks", "faulty", "other"),
    [
        (("203.0.113.0/24", "203.0.113.128/25"), 1, 0),
        (("203.0.113.128/25", "198.51.100.0/24", "203.0.113.0/24"), 2, 0),
        (("198.51.100.1/32", "198.51.100.1/32"), 1, 0),
        (("198.51.100.1/32", "198.51.100.1"), 1, 0),
    ],
)
def test_sources_that_overlap_are_refused_with_both_paths(
    path: str, networks: tuple[str, ...], faulty: int, other: int
) -> None:
    found = sources(path, *networks)
    assert list(found) == [f"{path}[{faulty}]"]
    assert f"{path}[{other}]" in found[f"{path}[{faulty}]"].message


NETWORKS = st.builds(
    lambda address, prefix: str(IPv4Network((address, prefix), strict=False)),
    st.integers(0, 255).map(lambda part: f"203.0.113.{part}"),
    st.integers(24, 32),
)


@given(st.lists(NETWORKS, max_size=6), st.lists(NETWORKS, max_size=3))
def test_merged_networks_cover_the_same_addresses_and_do_not_overlap(
    one: list[str], two: list[str]
) -> None:
    found = [IPv4Network(cidr) for cidr in merged(one, two)]
    assert not any(a.overlaps(b) for number, a in enumerate(found) for b in found[:number])
    covered = {address for cidr in (*one, *two) for address in IPv4Network(cidr)}
    assert {address for network in found for address in network} == covered


def test_the_whole_internet_is_open_in_whatever_pieces() -> None:
    for prefix in (0, 1, 5):
        assert is_open(IPv4Network("0.0.0.0/0").subnets(new_prefix=prefix))
    assert not is_open([])


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"tags": {"a": "[concat('a')]"}}, "tags.a"),
        ({"tags": {"a": "[x"}}, "tags.a"),
        ({"tags": {"[a]": "x"}}, "tags.[a]"),
        ({"tags": {"a": "x\x85"}}, "tags.a"),
        ({"tags": {"Team": "a", "team": "b"}}, "tags.team"),
        ({"tags": {"microsoft-team": "a"}}, "tags.microsoft-team"),
        ({"tags": {"Windows": "a"}}, "tags.Windows"),
        ({"tags": {"AZUREcost": "a"}}, "tags.AZUREcost"),
    ],
)
def test_a_tag_that_arm_would_evaluate_or_refuse_is_refused(
    fields: dict[str, Any], path: str
) -> None:
    assert path in faults(**fields)


@pytest.mark.parametrize("cidr", ["10.0.2.0/30", "10.0.2.0/32"])
def test_a_subnet_that_azure_does_not_make_is_refused(cidr: str) -> None:
    found = faults(network={"subnets": {"etcd": cidr}}, etcd={"count": 1})
    assert "/29" in found["network.subnets.etcd"].allowed
    assert list(faults(workers=[{"name": "gpu", "count": 0, "subnet": "10.0.9.0/30"}])) == [
        "workers[0].subnet"
    ]


@pytest.mark.parametrize(
    "key",
    [
        "kubernetes.io/os",
        "beta.kubernetes.io/arch",
        "node-role.kubernetes.io/control-plane",
        "slipway.dev/pool",
        "slipway.dev/anything",
    ],
)
def test_labels_that_kubernetes_or_slipway_sets_are_refused(key: str) -> None:
    pool = {"name": "one", "count": 1, "labels": {key: "x", "example.com/team": "x"}}
    found = faults(workers=[pool])
    assert list(found) == [f"workers[0].labels.{key}"]


@pytest.mark.parametrize("key", ["topology.kubernetes.io/zone", "node-role.kubernetes.io/ingress"])
def test_labels_that_nobody_else_sets_are_accepted(key: str) -> None:
    assert faults(workers=[{"name": "one", "count": 1, "labels": {key: "x"}}]) == {}


@pytest.mark.parametrize(
    "key", ["node.kubernetes.io/unschedulable", "node-role.kubernetes.io/master", "slipway.dev/x"]
)
def test_taints_that_kubernetes_or_slipway_sets_are_refused(key: str) -> None:
    taints = [{"key": "gpu", "effect": "NoSchedule"}, {"key": key, "effect": "NoExecute"}]
    pool = {"name": "one", "count": 1, "taints": taints}
    assert list(faults(workers=[pool])) == ["workers[0].taints[1].key"]


def test_taints_of_one_key_and_effect_are_refused() -> None:
    taint = {"key": "gpu", "effect": "NoSchedule"}
    pool = {
        "name": "gpu",
        "taints": [taint, taint | {"effect": "NoExecute"}, taint | {"value": "x"}],
    }
    assert list(faults(workers=[pool])) == ["workers[0].taints[2]"]


@pytest.mark.parametrize("location", ["West Europe", "westeurope", "WESTEUROPE", " West  Europe"])
def test_a_region_is_found_by_its_display_name(location: str) -> None:
    assert parse_spec({"name": "demo", "location": location}).location == "westeurope"


def test_zones_may_be_written_as_numbers() -> None:
    assert parse_spec({"name": "demo", "zones": [1, "2", 3]}).zones == ("1", "2", "3")
    assert list(faults(zones=[1, "1"])) == ["zones"]
    for wrong in (0, 4, True, 1.0, "x"):
        assert list(faults(zones=[wrong])) == ["zones[0]"]


def test_a_group_may_have_one_character() -> None:
    assert faults(resourceGroup="a") == {}
    assert list(faults(resourceGroup="a.")) == ["resourceGroup"]


def patterns(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["pattern"]} if isinstance(node.get("pattern"), str) else set()
        names = set(node["patternProperties"]) if "patternProperties" in node else set()
        return own | names | {p for value in node.values() for p in patterns(value)}
    return {p for item in node for p in patterns(item)} if isinstance(node, list) else set()


def test_every_pattern_of_the_spec_has_a_rule_in_words() -> None:
    found = patterns(ClusterSpec.model_json_schema())
    assert len(found) > 8
    assert found <= set(RULES)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"location": "west/europe"}, "location"),
        ({"resourceGroup": "a/b"}, "resourceGroup"),
        ({"adminUser": "Me"}, "adminUser"),
        ({"etcd": {"vmSize": "D2s"}}, "etcd.vmSize"),
        ({"image": {"version": "latest"}}, "image.version"),
        ({"slack": {"secret": "a_b"}}, "slack.secret"),
        ({"artifacts": {"url": "http://x", "manifestSha256": "AB"}}, "artifacts.manifestSha256"),
        ({"proxy": {"noProxy": ["a b"]}}, "proxy.noProxy[0]"),
        ({"workers": [{"name": "Gpu"}]}, "workers[0].name"),
        ({"workers": [{"name": "gpu", "labels": {"-a": "b"}}]}, "workers[0].labels.-a"),
        ({"workers": [{"name": "gpu", "labels": {"a": "-b"}}]}, "workers[0].labels.a"),
        ({"tags": {"a": "x\ny"}}, "tags.a"),
        ({"name": "Demo"}, "name"),
    ],
)
def test_a_fault_has_a_rule_in_words_and_no_pattern(fields: dict[str, Any], path: str) -> None:
    fault = faults(**fields)[path]
    assert fault.allowed
    for sign in ("^", "\\", "{0,", "[a-z"):
        assert sign not in fault.message + fault.allowed.replace("\\ ?", "")
