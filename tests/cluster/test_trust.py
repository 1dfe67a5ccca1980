"""Registries and authorities of a spec: what is taken, what is refused, and what roles get."""

import datetime
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cluster.cloud_init_apt import bypasses_proxy
from cluster.faults import Fault, SpecRefusedError
from cluster.inventory import no_proxy, render_inventory
from cluster.plan import Plan, make_plan
from cluster.record import ClusterRecord
from cluster.spec import ClusterSpec
from cluster.spec_rules import parse_spec
from cluster.trust import MAX_TRUSTED_BYTES, trusted_name
from playbooks.filter_plugins.registries import hosts_toml

ROLES = Path(__file__).parents[2] / "playbooks/roles"
HOST = "registry.example.com:5000"
CERTS = "/etc/containerd/certs.d"


def certificate(name: str, *, ca: bool | None = True, signs: bool = True, padding: int = 0) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime.datetime(2026, 1, 1)  # noqa: DTZ001 -- naive means UTC to the builder
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=9))
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
        others = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "encipher_only", "decipher_only"), False,
        )  # fmt: skip
        usage = x509.KeyUsage(digital_signature=True, key_cert_sign=signs, crl_sign=True, **others)
        builder = builder.add_extension(usage, critical=True)
    if padding:
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.9.9"), b"x" * padding)
        builder = builder.add_extension(unknown, critical=False)
    made = builder.sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


CA, OTHER = certificate("ca"), certificate("other")
LEAF = certificate("leaf", ca=False, signs=False)
KEY = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    .decode()
)


def spec(**fields: Any) -> ClusterSpec:
    return parse_spec({"name": "demo"} | fields)


def fault(path: str, **fields: Any) -> Fault:
    with pytest.raises(SpecRefusedError) as refused:
        spec(**fields)
    found = {fault.path: fault for fault in refused.value.faults}
    assert path in found, list(found)
    assert found[path].message
    assert found[path].allowed
    return found[path]


def plan(asked: ClusterSpec) -> Plan:
    return make_plan(asked, ClusterRecord(name="demo", uid="u", generation=1), [])


def variables(asked: ClusterSpec) -> dict[str, Any]:
    return render_inventory(plan(asked), "demo-000001-1")["all"]["vars"]


@pytest.mark.parametrize(
    "host",
    [
        "docker.io",
        "registry.example.com",
        HOST,
        "198.18.0.1:5000",
        "localhost:5000",
        "mirror:5000",
        "r.io:65535",
    ],
)
def test_a_host_is_as_in_the_names_of_images(host: str) -> None:
    found = spec(registries=[{"host": host, "caCertificates": [CA]}])
    assert found.registries[0].host == host


@pytest.mark.parametrize(
    "host",
    [
        "",
        "registry",
        "Registry.example.com",
        "https://registry.example.com",
        "registry.example.com/team",
        "registry.example.com:0",
        "registry.example.com:05000",
        "registry.example.com:65536",
        "registry.example.com:",
        "user:word@registry.example.com",
        "-a.example.com",
        "a..b",
        "../../etc",
        "..",
        "a.b\n",
        "1.2.3",
        "300.1.1.1:5000",
        "a" * 64 + ".example.com",
        ".".join(["a" * 60] * 5),
        "index.docker.io",
        "_default",
    ],
)
def test_any_other_host_is_refused(host: str) -> None:
    found = fault("registries[0].host", registries=[{"host": host, "caCertificates": [CA]}])
    assert "word" not in found.message


@pytest.mark.parametrize("field", ["password", "username", "auth", "token"])
def test_credentials_are_refused_with_the_place_where_they_belong(field: str) -> None:
    registry = {"host": HOST, "caCertificates": [CA], field: "hunter2"}
    found = fault(f"registries[0].{field}", registries=[registry])
    assert "imagePullSecrets" in found.allowed
    assert "hunter2" not in found.model_dump_json()


@pytest.mark.parametrize(
    "mirror",
    ["registry.example.com", "ftp://m.example.com", "https://u:p@m.example.com",
     "https://m.example.com?sig=1", 'https://m.example.com/"]', "https://m.example.com:70000"],
)  # fmt: skip
def test_a_mirror_is_a_url_without_credentials(mirror: str) -> None:
    with pytest.raises(SpecRefusedError) as refused:
        spec(registries=[{"host": HOST, "mirrors": [mirror]}])
    assert [fault.path for fault in refused.value.faults] == ["registries[0].mirrors[0]"]


@pytest.mark.parametrize(
    ("pem", "told"),
    [
        ("not a certificate", "not a certificate"),
        (CA.replace("MII", "AAA"), "not a certificate"),
        (CA + OTHER, "2 certificates"),
        (LEAF, "not the certificate of an authority"),
        (certificate("old", ca=None), "not the certificate of an authority"),
        (certificate("mute", signs=False), "not the certificate of an authority"),
        (KEY, "private key"),
        (CA + KEY, "private key"),
        (CA + KEY.replace("PRIVATE KEY", "EC PRIVATE KEY"), "private key"),
    ],
    ids=["text", "broken", "two", "leaf", "v1", "no keyCertSign", "key", "both", "ec key"],
)
@pytest.mark.parametrize("path", ["trustedCertificates[0]", "registries[0].caCertificates[0]"])
def test_only_one_authoritys_certificate_is_taken(pem: str, told: str, path: str) -> None:
    fields: dict[str, Any] = {"trustedCertificates": [pem]}
    if path.startswith("registries"):
        fields = {"registries": [{"host": HOST, "caCertificates": [pem]}]}
    found = fault(path, **fields)
    assert told in found.message
    assert KEY.splitlines()[1] not in found.model_dump_json()


def test_what_stands_around_a_certificate_is_not_stored() -> None:
    found = spec(trustedCertificates=[f"subject=CN = ca\n\n{CA}\nnot for others\n"])
    assert found.trusted_certificates == (CA,)
    assert ClusterSpec.model_validate(found.model_dump(mode="json", by_alias=True)) == found


def test_nothing_is_named_twice_and_every_registry_says_something() -> None:
    registry = {"host": HOST, "mirrors": ["https://m.example.com", "https://m.example.com/"]}
    assert "twice" in fault("registries[0].mirrors[1]", registries=[registry]).message
    twice = {"host": HOST, "caCertificates": [CA]}
    assert "twice" in fault("registries[1].host", registries=[twice, twice]).message
    assert "nothing" in fault("registries[0]", registries=[{"host": HOST}]).message
    assert "twice" in fault("trustedCertificates[1]", trustedCertificates=[CA, CA]).message


def test_count_and_size_have_limits() -> None:
    large = [certificate(f"c{number}", padding=3500) for number in range(5)]
    assert sum(map(len, large)) > MAX_TRUSTED_BYTES
    assert str(MAX_TRUSTED_BYTES) in fault("trustedCertificates", trustedCertificates=large).allowed
    with pytest.raises(SpecRefusedError, match=r"trustedCertificates\[0\]"):
        spec(trustedCertificates=[certificate("c", padding=7000)])
    with pytest.raises(SpecRefusedError, match="registries"):
        spec(registries=[{"host": f"r{n}.io", "caCertificates": [CA]} for n in range(33)])


def test_a_fault_in_a_list_moves_no_other_fault_to_a_wrong_index() -> None:
    empty = {"host": HOST}
    with pytest.raises(SpecRefusedError) as refused:
        spec(registries=[{"host": "bad host", "caCertificates": [CA]}, empty])
    assert [fault.path for fault in refused.value.faults] == ["registries[0].host"]


REGISTRY: dict[str, Any] = {
    "host": HOST,
    "mirrors": [
        "https://m.example.com",
        "https://m.example.com:8443/v2/hub",
        "http://10.0.9.9/other/v2",
        "http://10.0.9.9/v2",
    ],
    "caCertificates": [CA, OTHER],
}
HUB = {"host": "docker.io", "mirrors": ["https://hub.example.com"]}


def rendered(template: str, **values: Any) -> str:
    """As Ansible renders it: it cuts the newline after a block."""
    environment = Environment(
        loader=FileSystemLoader(ROLES),
        trim_blocks=True,
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 -- no HTML
    )
    return environment.get_template(template).render(values)


def test_containerd_asks_the_mirrors_in_order_and_trusts_the_registrys_authorities() -> None:
    own, hub = variables(spec(registries=[REGISTRY, HUB]))["slipway_registries"]
    assert own["authorities"] == CA + OTHER
    found = tomllib.loads(hosts_toml(own, CERTS))
    authority = f"{CERTS}/{HOST}/ca.crt"
    assert found["ca"] == authority
    assert list(found["host"]) == REGISTRY["mirrors"]
    for url, mirror in found["host"].items():
        assert mirror.get("override_path", False) is (url.count("/") > 2)
        assert (mirror["capabilities"], mirror["ca"]) == (["pull", "resolve"], authority)
    plain = tomllib.loads(hosts_toml(hub, CERTS))
    assert plain == {"host": {"https://hub.example.com": {"capabilities": ["pull", "resolve"]}}}


def test_skopeo_uses_the_mirrors_that_its_configuration_can_name() -> None:
    found = variables(spec(registries=[REGISTRY, HUB]))
    text = rendered("artifacts/templates/registries.conf.j2", **found)
    own, hub = tomllib.loads(text)["registry"]
    assert (own["location"], hub["location"]) == (HOST, "docker.io")
    assert own["mirror"] == [
        {"location": "m.example.com", "insecure": False},
        {"location": "m.example.com:8443/hub", "insecure": False},
        {"location": "10.0.9.9", "insecure": True},
    ]
    assert (
        tomllib.loads(rendered("artifacts/templates/registries.conf.j2", **variables(spec()))) == {}
    )


def test_services_get_the_proxy_in_both_cases_and_the_workers_names() -> None:
    def lines(asked: ClusterSpec) -> dict[str, str]:
        groups = {"workers": ["demo-worker-0", "demo-worker-1"]}
        text = rendered("runtime/templates/proxy.env.j2", groups=groups, **variables(asked))
        found = [line for line in text.splitlines() if line and not line.startswith("#")]
        return dict(line.split("=", 1) for line in found)

    found = lines(spec(proxy={"https": PROXY, "noProxy": ["git.example.com"]}))
    assert set(found) == {"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"}
    assert found["HTTPS_PROXY"] == found["https_proxy"] == PROXY
    assert found["NO_PROXY"].endswith(",git.example.com,demo-worker-0,demo-worker-1")
    assert found["NO_PROXY"] == found["no_proxy"]
    assert lines(spec()) == {}


def test_the_trusted_certificates_are_files_named_by_their_content() -> None:
    found = variables(spec(trustedCertificates=[CA]))["slipway_trusted"]
    assert found == [{"name": trusted_name(CA), "pem": CA}]


PROXY = "http://proxy.example.com:3128"


def test_https_goes_through_the_proxy_of_http_unless_it_has_its_own() -> None:
    assert variables(spec(proxy={"http": PROXY}))["slipway_https_proxy"] == PROXY
    own = variables(spec(proxy={"http": PROXY, "https": f"{PROXY}9"}))
    assert own["slipway_https_proxy"] == f"{PROXY}9"
    only = variables(spec(proxy={"https": PROXY}))
    assert (only["slipway_http_proxy"], only["slipway_https_proxy"]) == ("", PROXY)
    assert 'Acquire::http::Proxy "DIRECT";' in only["slipway_apt_options"]


def test_without_a_proxy_there_is_no_list_of_exceptions() -> None:
    found = variables(spec())
    assert (found["slipway_http_proxy"], found["slipway_no_proxy"]) == ("", "")
    assert "Proxy" not in found["slipway_apt_options"]


def test_the_clusters_own_places_are_never_reached_through_the_proxy() -> None:
    asked = spec(proxy={"http": PROXY, "noProxy": [".corp.example.com"]}, controlPlane={"count": 3})
    made = plan(asked)
    listed = ",".join(no_proxy(made))
    for host in (
        "localhost",
        "127.0.0.1",
        made.api_address,
        "api.demo.slipway.internal",
        "kubernetes.default.svc",
        "web.default.svc.cluster.local",
        "10.244.3.4",
        "10.96.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "demo-controller",
        "demo-etcd-2",
        "demo-control-plane-2",
        "git.corp.example.com",
        *(slot.address for slot in made.slots),
    ):
        assert bypasses_proxy(f"https://{host}/", listed), host
    assert made.api_address in listed.split(",")
    for host in ("deb.debian.org", "registry.k8s.io", "203.0.113.7"):
        assert not bypasses_proxy(f"https://{host}/", listed), host


def test_the_list_stays_when_pools_grow() -> None:
    small = spec(proxy={"http": PROXY}, workers=[{"name": "worker", "count": 1}])
    large = spec(proxy={"http": PROXY}, workers=[{"name": "worker", "count": 9}])
    assert no_proxy(plan(small)) == no_proxy(plan(large))


def test_a_mirror_inside_is_named_besides_its_network() -> None:
    inside = {"url": "http://10.0.9.9:8000/x", "manifestSha256": "0" * 64}
    asked = spec(proxy={"http": PROXY}, artifacts=inside, packageMirror="http://203.0.113.9/debian")
    listed = no_proxy(plan(asked))
    assert "10.0.9.9" in listed
    assert "203.0.113.9" not in listed
