"""The items of the CIS Kubernetes Benchmark (1.12) for control plane, etcd and kubelet, in
Slipway's own words. The table in docs/security.md is held to this list, and `test_security.py` asks
the real nodes for each item that passes."""

from dataclasses import dataclass

from cluster.roles import CONTROL_PLANE, ETCD

NODES, KUBELETS = "nodes", "kubelets"

M, K, S = "/etc/kubernetes/manifests/", "/etc/kubernetes/", "/etc/kubernetes/slipway/"
P, E = K + "pki/", "/etc/etcd/etcd.yml"
API, MANAGER, SCHEDULER = "kube-apiserver", "kube-controller-manager", "kube-scheduler"
NETS = "/etc/cni/net.d/*"
UNIT, CONFIG = "/etc/systemd/system/kubelet.service", "/var/lib/kubelet/config.yaml"
SUITES = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,"
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,"
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"
)


@dataclass(frozen=True)
class Item:
    """`where` and `check` are set where it passes: a shell script on each machine of a role, or,
    for KUBELETS, a Python expression over `c`, the configuration that a kubelet tells the API.
    `why` is the reason where it does not pass, and may be a remark where it does."""

    number: str
    what: str
    where: str = ""
    check: str = ""
    why: str = ""
    applies: bool = True

    @property
    def verdict(self) -> str:
        return "pass" if self.check else "no" if self.applies else "does not apply"


def _files() -> list[Item]:
    """1.1: files of the control plane."""
    found: list[Item] = []
    for at, (what, file) in enumerate(
        (("API server's", API), ("controller manager's", MANAGER), ("scheduler's", SCHEDULER))
    ):
        path, number = f"{M}{file}.yaml", 1 + 2 * at
        found += [
            Item(f"1.1.{number}", f"{what} manifest: 600", CONTROL_PLANE, f"mode 600 {path}"),
            Item(f"1.1.{number + 1}", f"{what} manifest: root's", CONTROL_PLANE,
                 f"owner root:root {path}"),
        ]  # fmt: skip
    unit = "etcd is a systemd unit on machines of its own"
    found += [
        Item("1.1.7", "etcd's manifest: 600", why=unit, applies=False),
        Item("1.1.8", "etcd's manifest: root's", why=unit, applies=False),
        Item("1.1.9", "network configuration: 600", NODES, f"mode 600 {NETS}"),
        Item("1.1.10", "network configuration: root's", NODES, f"owner root:root {NETS}"),
        Item("1.1.11", "etcd's data: 700", ETCD,
             "mode 700 /var/lib/etcd /var/lib/etcd/member-data"),
        Item("1.1.12", "etcd's data: etcd's", ETCD,
             "owner etcd:etcd /var/lib/etcd /var/lib/etcd/member-data"),
    ]  # fmt: skip
    for at, (what, files) in enumerate(
        (
            ("administrator's kubeconfig", f"{K}admin.conf"),
            ("scheduler's kubeconfig", f"{K}scheduler.conf"),
            ("controller manager's kubeconfig", f"{K}controller-manager.conf"),
        )
    ):
        number = 13 + 2 * at
        found += [
            Item(f"1.1.{number}", f"{what}: 600", CONTROL_PLANE, f"mode 600 {files}"),
            Item(f"1.1.{number + 1}", f"{what}: root's", CONTROL_PLANE, f"owner root:root {files}"),
        ]
    return [
        *found,
        Item("1.1.19", "keys and certificates: root's", CONTROL_PLANE,
             f"owner root:root {K}pki {P}* {K}etcd {K}etcd/*"),
        Item("1.1.20", "certificates: 644", CONTROL_PLANE, f"mode 644 {P}*.crt {K}etcd/*.crt"),
        Item("1.1.21", "keys: 600", CONTROL_PLANE, f"mode 600 {P}*.key {K}etcd/*.key"),
    ]  # fmt: skip


def _api() -> list[Item]:
    """1.2: the API server."""

    def item(number: int, what: str, *checks: str, why: str = "") -> Item:
        where = CONTROL_PLANE if checks else ""
        return Item(f"1.2.{number}", what, where, " && ".join(checks), why)

    def has(flag: str) -> str:
        return f"has {API} '--{flag}'"

    def lacks(pattern: str) -> str:
        return f"lacks {API} '{pattern}'"

    return [
        item(1, "nobody without a name", why="kubelet's probes of the API server have no name: "
             "without one, health endpoints answer and nothing else (`authentication-config`)"),
        item(2, "no file of static tokens", lacks("--token-auth-file")),
        item(3, "DenyServiceExternalIPs",
             has("enable-admission-plugins=.*DenyServiceExternalIPs.*")),
        item(4, "a client certificate towards kubelets",
             has(f"kubelet-client-certificate={P}apiserver-kubelet-client.crt"),
             has(f"kubelet-client-key={P}apiserver-kubelet-client.key")),
        item(5, "kubelets' certificates are checked",
             has(f"kubelet-certificate-authority={P}ca.crt")),
        item(6, "not everything is allowed", lacks("AlwaysAllow")),
        item(7, "nodes are bounded to their own", has("authorization-mode=Node,RBAC")),
        item(8, "RBAC", has("authorization-mode=Node,RBAC")),
        item(9, "EventRateLimit", why="its configuration is alpha; flows are bounded by API "
             "priority and fairness, each kubelet by `eventRecordQPS`"),
        item(10, "AlwaysAdmit is off", lacks("AlwaysAdmit")),
        item(11, "AlwaysPullImages", why="every start of a pod, a control plane's included, would "
             "depend on a registry; nodes run from images that were checked and imported"),
        item(12, "ServiceAccount is on", lacks("disable-admission-plugins")),
        item(13, "NamespaceLifecycle is on", lacks("disable-admission-plugins")),
        item(14, "NodeRestriction", has("enable-admission-plugins=NodeRestriction.*")),
        item(15, "no profiling", has("profiling=false")),
        item(16, "an audit log", has("audit-log-path=/var/log/kubernetes/audit/audit.log"),
             "test -s /var/log/kubernetes/audit/audit.log"),
        item(17, "audit log: 30 days", has("audit-log-maxage=30")),
        item(18, "audit log: 10 old files", has("audit-log-maxbackup=10")),
        item(19, "audit log: 100 MB a file", has("audit-log-maxsize=100")),
        item(20, "requests end in time", lacks("--request-timeout"), why="the default, 60 s"),
        item(21, "tokens of deleted accounts end", lacks("--service-account-lookup"),
             why="the default"),
        item(22, "a key pair for service accounts", has(f"service-account-key-file={P}sa.pub")),
        item(23, "a client certificate towards etcd", has(f"etcd-certfile={K}etcd/client.crt"),
             has(f"etcd-keyfile={K}etcd/client.key")),
        item(24, "a serving certificate", has(f"tls-cert-file={P}apiserver.crt"),
             has(f"tls-private-key-file={P}apiserver.key")),
        item(25, "clients' certificates are checked", has(f"client-ca-file={P}ca.crt")),
        item(26, "etcd's certificates are checked", has(f"etcd-cafile={K}etcd/ca.crt")),
        item(27, "secrets are encrypted in etcd",
             has(f"encryption-provider-config={S}encryption.yml")),
        item(28, "with a strong cipher first", f"grep -A1 providers: {S}encryption.yml | "
             "grep -q -- '- secretbox:'", why="secretbox; its key is in Key Vault"),
        item(29, "strong TLS suites", has(f"tls-cipher-suites={SUITES}"),
             has("tls-min-version=VersionTLS12")),
        item(30, "service accounts' tokens are not stretched to a year",
             has("service-account-extend-token-expiration=false")),
    ]  # fmt: skip


def _managers() -> list[Item]:
    """1.3 and 1.4: controller manager and scheduler."""

    def manager(number: int, what: str, check: str, why: str = "") -> Item:
        return Item(f"1.3.{number}", what, CONTROL_PLANE, check, why)

    def has(flag: str) -> str:
        return f"has {MANAGER} '--{flag}'"

    home = "--bind-address=127.0.0.1"
    return [
        manager(1, "ended pods are collected", has("terminated-pod-gc-threshold=1000")),
        manager(2, "no profiling", has("profiling=false")),
        manager(3, "each controller has rights of its own",
                has("use-service-account-credentials=true")),
        manager(4, "a key for service accounts",
                has(f"service-account-private-key-file={P}sa.key")),
        manager(5, "pods get the API's authority", has(f"root-ca-file={P}ca.crt")),
        manager(6, "kubelets' serving certificates may rotate",
                f"lacks {MANAGER} RotateKubeletServerCertificate=false", why="the default"),
        manager(7, "listens on 127.0.0.1", f"has {MANAGER} '{home}'"),
        Item("1.4.1", "no profiling", CONTROL_PLANE, f"has {SCHEDULER} '--profiling=false'"),
        Item("1.4.2", "listens on 127.0.0.1", CONTROL_PLANE, f"has {SCHEDULER} '{home}'"),
    ]  # fmt: skip


def _etcd() -> list[Item]:
    """2: etcd, and 3: how users sign in, and what is logged."""

    def etcd(number: int, what: str, *checks: str) -> Item:
        running = f"has etcd '--config-file={E}'"
        return Item(f"2.{number}", what, ETCD, " && ".join([running, *checks]))

    def under(section: str, wanted: str) -> str:
        return f"sed -n '/^{section}:/,/^[a-z]/p' {E} | grep -xq -- '  {wanted}'"

    client, peer, pki = "client-transport-security", "peer-transport-security", "/etc/etcd/pki/"
    secrets = (
        "kubectl --kubeconfig=/etc/kubernetes/admin.conf get secrets -A -o name --field-selector"
    )
    get = "kubectl --kubeconfig=/etc/kubernetes/admin.conf -n default get secret nobody"
    return [
        etcd(1, "TLS towards clients", under(client, f"cert-file: {pki}server.crt"),
             under(client, f"key-file: {pki}server.key")),
        etcd(2, "clients have certificates", under(client, "client-cert-auth: true")),
        etcd(3, "no certificates of its own making", f"! grep -q auto-tls {E}"),
        etcd(4, "TLS between members", under(peer, f"cert-file: {pki}peer.crt"),
             under(peer, f"key-file: {pki}peer.key")),
        etcd(5, "members have certificates", under(peer, "client-cert-auth: true")),
        etcd(6, "none of its own making between members", f"! grep -q auto-tls {E}"),
        Item("2.7", "an authority for etcd alone", CONTROL_PLANE,
             f"openssl verify -CAfile {K}etcd/ca.crt {K}etcd/client.crt && "
             f"! openssl verify -CAfile {P}ca.crt {K}etcd/client.crt"),
        Item("3.1.1", "users sign in without client certificates",
             why="the administrator's kubeconfig is one; OpenID Connect is not offered yet"),
        Item("3.1.2", "users have no service accounts' tokens", CONTROL_PLANE,
             f'test -z "$({secrets} type=kubernetes.io/service-account-token)"'),
        Item("3.1.3", "users have no join tokens", CONTROL_PLANE,
             f'test -z "$({secrets} type=bootstrap.kubernetes.io/token)"',
             why="none is left when an operation has ended"),
        Item("3.2.1", "an audit policy", CONTROL_PLANE,
             f"has {API} '--audit-policy-file={S}audit.yml'"),
        Item("3.2.2", "which tells who touched secrets", CONTROL_PLANE,
             f"! {get} 2>/dev/null && sleep 1 && "
             "grep -h '\"name\":\"nobody\"' /var/log/kubernetes/audit/audit.log | "
             "grep -q '\"resource\":\"secrets\"'",
             why="who and what, never the content; reads by nodes and controllers are left out"),
    ]  # fmt: skip


def _kubelet() -> list[Item]:
    """4: kubelet and kube-proxy."""

    def file(number: int, what: str, check: str) -> Item:
        return Item(f"4.1.{number}", what, NODES, check)

    def told(number: int, what: str, check: str, why: str = "") -> Item:
        return Item(f"4.2.{number}", what, KUBELETS, check, why)

    pod = "it runs as a pod with a service account"
    suites = (
        f"c['tlsCipherSuites'] == '{SUITES}'.split(',') and c['tlsMinVersion'] == 'VersionTLS12'"
    )
    return [
        file(1, "unit: 600", f"mode 600 {UNIT}"),
        file(2, "unit: root's", f"owner root:root {UNIT}"),
        Item("4.1.3", "kube-proxy's kubeconfig: 600", why=pod, applies=False),
        Item("4.1.4", "kube-proxy's kubeconfig: root's", why=pod, applies=False),
        file(5, "kubeconfig: 600", f"mode 600 {K}kubelet.conf"),
        file(6, "kubeconfig: root's", f"owner root:root {K}kubelet.conf"),
        file(7, "authority: 644", f"mode 644 {P}ca.crt"),
        file(8, "authority: root's", f"owner root:root {P}ca.crt"),
        file(9, "configuration: 600", f"mode 600 {CONFIG}"),
        file(10, "configuration: root's", f"owner root:root {CONFIG}"),
        told(1, "nobody without a name", "c['authentication']['anonymous']['enabled'] is False"),
        told(2, "the API server decides who may", "c['authorization']['mode'] == 'Webhook'"),
        told(3, "clients' certificates are checked",
             f"c['authentication']['x509']['clientCAFile'] == '{P}ca.crt'"),
        told(4, "no port without TLS", "not c.get('readOnlyPort')"),
        told(5, "idle connections end", "c['streamingConnectionIdleTimeout'] not in ('0', '0s')",
             why="the default, 4 h"),
        told(6, "keeps its own chains of rules", "c['makeIPTablesUtilChains'] is True"),
        Item("4.2.7", "no other name than its own", NODES, "lacks kubelet --hostname-override"),
        told(8, "events are kept within bounds", "c['eventRecordQPS'] == 50"),
        Item("4.2.9", "a serving certificate of the cluster", NODES,
             "openssl s_client -connect $(hostname -I | cut -d' ' -f1):10250 -verify_return_error "
             f"-CAfile {P}ca.crt </dev/null"),
        told(10, "client certificates rotate", "c['rotateCertificates'] is True"),
        told(11, "serving certificates rotate", "c['serverTLSBootstrap'] is True",
             why="approved only for the node's own name and address"),
        told(12, "strong TLS suites", suites),
        told(13, "a pod's processes are bounded", "c['podPidsLimit'] == 4096"),
        told(14, "seccomp by default", "c['seccompDefault'] is True"),
        Item("4.3.1", "kube-proxy's metrics stay on the node", NODES,
             "ss -Hltn 'sport = :10249' | grep -q 127.0.0.1 && "
             "! ss -Hltn 'sport = :10249' | grep -qv 127.0.0.1"),
    ]  # fmt: skip


ITEMS = (*_files(), *_api(), *_managers(), *_etcd(), *_kubelet())
