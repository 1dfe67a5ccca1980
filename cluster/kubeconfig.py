"""The administrator's kubeconfig: created from the cluster's authority and checked before reuse.

It contains a private key. It is stored in the vault, and in files of people who may read the vault.
"""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast

import yaml
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID

from cluster import keys, names

# kubeadm binds this group to cluster-admin. The name is Slipway's own, so that the audit log
# distinguishes it from the administrator that kubeadm creates on each control plane.
ADMIN, ADMINS = "slipway-admin", "kubeadm:cluster-admins"
DAYS = 365
RENEWED_BELOW = timedelta(days=DAYS // 3)


def rotated_group(rotation: str) -> str:
    """Returns the group of a kubeconfig that a rotation made. Its binding ends with it."""
    return f"slipway:cluster-admins:{rotation}"


def new_kubeconfig(
    cluster: str, server: str, authority: tuple[str, str], group: str = ADMINS
) -> str:
    """Returns a kubeconfig in YAML, with a new key and a certificate for a year.

    `tls-server-name` is the API's name, which the certificate of every API server contains. So the
    same file is valid for every address of the API.

    Args:
        cluster: the cluster's name, which names the context, the cluster and the user.
        server: `https://ADDRESS:PORT`.
        authority: (private key, certificate) of the cluster's authority, both PEM.
        group: the administrator's group. A binding gives it its rights.
    """
    key, certificate = keys.new_client_certificate(authority, ADMIN, group, DAYS)
    user = f"{cluster}-admin"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": cluster,
                "cluster": {
                    "server": server,
                    "tls-server-name": names.api_name(cluster),
                    "certificate-authority-data": _encoded(authority[1]),
                },
            }
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": _encoded(certificate),
                    "client-key-data": _encoded(key),
                },
            }
        ],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
        "current-context": cluster,
    }
    return yaml.safe_dump(document, sort_keys=False)


def still_good(text: str, server: str, authority_certificate: str, now: datetime) -> bool:
    """Returns whether the kubeconfig can be kept.

    It must be for that server, from that authority, and have at least a third of its year left.
    """
    try:
        document = yaml.safe_load(text)
        cluster: dict[str, Any] = document["clusters"][0]["cluster"]
        data = document["users"][0]["user"]["client-certificate-data"]
        certificate = x509.load_pem_x509_certificate(base64.b64decode(data, validate=True))
        authority = x509.load_pem_x509_certificate(authority_certificate.encode())
        certificate.verify_directly_issued_by(authority)
        trusted = cluster["certificate-authority-data"] == _encoded(authority_certificate)
        left = certificate.not_valid_after_utc - now
        return trusted and cluster["server"] == server and left >= RENEWED_BELOW
    except (yaml.YAMLError, ValueError, TypeError, LookupError, InvalidSignature):
        return False


def with_server(text: str, server: str) -> str:
    """Returns the same kubeconfig for another address.

    Raises:
        ValueError: the text is not a kubeconfig of one cluster.
    """
    document = _one_cluster(text)
    document["clusters"][0]["cluster"]["server"] = server
    return yaml.safe_dump(document, sort_keys=False)


def cluster_of(text: str) -> str:
    """Returns the name of the kubeconfig's only cluster.

    Raises:
        ValueError: the text is not a kubeconfig of one cluster.
    """
    return str(_one_cluster(text)["clusters"][0]["name"])


def ends_at(text: str) -> datetime:
    """Returns the end of the client certificate's validity, in UTC.

    Raises:
        ValueError: the text is not a kubeconfig with a client certificate.
    """
    return _certificate(text).not_valid_after_utc.astimezone(UTC)


def group_of(text: str) -> str:
    """Returns the group that the client certificate names.

    Raises:
        ValueError: the text is not a kubeconfig with such a certificate.
    """
    found = _certificate(text).subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    if not found:
        raise ValueError("the client certificate names no group")
    return str(found[0].value)


def _certificate(text: str) -> x509.Certificate:
    """Raises ValueError if the text is not a kubeconfig with a client certificate."""
    try:
        data = _one_cluster(text)["users"][0]["user"]["client-certificate-data"]
        return x509.load_pem_x509_certificate(base64.b64decode(data, validate=True))
    except (LookupError, TypeError):
        raise ValueError("not a kubeconfig with a client certificate") from None


class Credentials(NamedTuple):
    """How the administrator signs in: the name in the API server's certificate, the authority that
    it is from, and the client's certificate and key. All PEM but the name."""

    server_name: str
    authority: str
    certificate: str
    key: str


def credentials_of(text: str) -> Credentials:
    """Returns what a kubeconfig holds.

    Raises:
        ValueError: the text is not a kubeconfig with a client certificate. It is not quoted.
    """
    try:
        document = _one_cluster(text)
        cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
        parts = (
            cluster["certificate-authority-data"],
            user["client-certificate-data"],
            user["client-key-data"],
        )
        pems = (base64.b64decode(part, validate=True).decode() for part in parts)
        return Credentials(str(cluster["tls-server-name"]), *pems)
    except (LookupError, TypeError, ValueError):
        raise ValueError("not a kubeconfig with a client certificate") from None


def _one_cluster(text: str) -> dict[str, Any]:
    try:
        document: Any = yaml.safe_load(text)
        clusters: list[Any] = document["clusters"]
        if len(clusters) == 1 and isinstance(clusters[0]["cluster"], dict):
            return cast(dict[str, Any], document)
    except (yaml.YAMLError, TypeError, LookupError):
        pass
    raise ValueError("not a kubeconfig of one cluster")


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
