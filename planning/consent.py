"""Fields of a spec with which a caller runs code on machines, or names secrets: each needs the
consent of whoever operates the installation (`SLIPWAY_ALLOWED_FIELDS`).

The installation's own defaults and profiles need no consent: they are the operator's. That is so
for the default mirror too if a caller sends it, as it does with a spec that the API showed. What
the cluster's stored spec has needs none either if a caller sends it unchanged: it came from a
profile or with consent, and nothing else runs on the machines than before.
"""

import hashlib
import ssl
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from clients.errors import Refused
from clients.settings import Settings
from clients.store import Store
from cluster.allowed_fields import ANYTHING
from cluster.faults import Fault, SpecRefusedError
from cluster.spec import ClusterSpec
from cluster.spec_services import Artifacts

PORTS = {"http": 80, "https": 443}
SETTING = "SLIPWAY_ALLOWED_FIELDS"


def require_consent(
    spec: ClusterSpec, settings: Settings, stored: Callable[[], ClusterSpec | None]
) -> None:
    """Checks the fields that a caller sent.

    Args:
        stored: returns the spec of the cluster that exists, if any. It is called only if fields
            have values that the operator did not allow.

    Raises:
        SpecRefusedError: fields have values that the operator did not allow. It names all of them.
    """
    faults = list(_faults(spec, settings, None))
    if faults and (before := stored()):
        faults = list(_faults(spec, settings, before))
    if faults:
        raise SpecRefusedError(faults)


def stored_spec(store: Store, cluster: str) -> ClusterSpec | None:
    """Returns the spec of the cluster that exists, or None.

    The spec of a cluster that was removed, or that is being removed, is none: with it, something
    would be created anew. Neither is one that this version cannot read.
    """
    try:
        found = store.record(cluster)
        if found is None or found[0].is_tombstone or found[0].state == "deleting":
            return None
        return store.spec(found[0])
    except Refused:
        return None


def _faults(spec: ClusterSpec, settings: Settings, before: ClusterSpec | None) -> Iterator[Fault]:
    """Yields what the operator did not allow. `before`: the stored spec, which needs no consent. A
    field, or an entry of a list, counts as a whole."""
    allowed = settings.allowed_fields
    urls = allowed["artifacts"]
    if (
        spec.artifacts
        and not (before and spec.artifacts == before.artifacts)
        and not _is_default(spec.artifacts, settings)
        and not _is_within(spec.artifacts.url, urls)
    ):
        yield _fault("artifacts.url", "artifacts", urls)
    if spec.proxy and not (before and spec.proxy == before.proxy):
        for name, url in (("http", spec.proxy.http), ("https", spec.proxy.https)):
            if url and not _is_within(url, allowed["proxy"]):
                yield _fault(f"proxy.{name}", "proxy", allowed["proxy"])
    for index, registry in enumerate(spec.registries):
        if before and registry in before.registries:
            continue
        path, urls = f"registries[{index}]", allowed["registries"]
        if not _is_within(f"https://{registry.host}", urls):
            yield _fault(f"{path}.host", "registries", urls)
        for place, mirror in enumerate(registry.mirrors):
            if not _is_within(mirror, urls):
                yield _fault(f"{path}.mirrors[{place}]", "registries", urls)
    prints = allowed["trustedCertificates"]
    for path, certificate in _certificates(spec, before):
        if ANYTHING not in prints and _fingerprint(certificate) not in prints:
            yield _fault(path, "trustedCertificates", prints)
    names = allowed["slack"]
    if (
        spec.slack
        and not (before and spec.slack == before.slack)
        and not _may_be_named(spec.slack.secret, settings)
    ):
        yield _fault("slack.secret", "slack", names)


def _is_default(artifacts: Artifacts, settings: Settings) -> bool:
    """Returns whether it is the installation's mirror, with the same manifest."""
    default = settings.default_artifacts or {}
    own = (default.get("url"), default.get("manifestSha256"))
    return (artifacts.url, artifacts.manifest_sha256) == own


def _certificates(spec: ClusterSpec, before: ClusterSpec | None) -> Iterator[tuple[str, str]]:
    """Yields every authority that machines would newly trust, with its path. One that is trusted
    for a registry is not trusted for anything else."""
    for index, certificate in enumerate(spec.trusted_certificates):
        if not before or certificate not in before.trusted_certificates:
            yield f"trustedCertificates[{index}]", certificate
    for index, registry in enumerate(spec.registries):
        if before and registry in before.registries:
            continue
        for place, certificate in enumerate(registry.ca_certificates):
            yield f"registries[{index}].caCertificates[{place}]", certificate


def _fault(path: str, field: str, allowed: tuple[str, ...]) -> Fault:
    listed = ", ".join(allowed) or "no value"
    return Fault(
        path=path,
        message="has a value that whoever operates Slipway has not allowed: the field decides what "
        f"runs on the machines, or names a secret. To allow it, they add it to '{field}' of the "
        f"app setting {SETTING}",
        allowed=listed,
    )


def _is_within(url: str, allowed: tuple[str, ...]) -> bool:
    return ANYTHING in allowed or any(_is_below(url, place) for place in allowed)


def _is_below(url: str, place: str) -> bool:
    """Returns whether the URL is the place or below it. Scheme, host and port must be equal. A path
    that leads upwards, or may do so once a server has decoded it, is below nothing."""
    found, base = urlsplit(url), urlsplit(place)
    segments = found.path.split("/")
    if ".." in segments or "." in segments or "%" in found.path:
        return False
    if (found.scheme, found.hostname, _port(url)) != (base.scheme, base.hostname, _port(place)):
        return False
    root = base.path.rstrip("/")
    return found.path == root or found.path.startswith(f"{root}/") or not root


def _port(url: str) -> int | None:
    parts = urlsplit(url)
    return parts.port or PORTS.get(parts.scheme)


def _fingerprint(certificate: str) -> str:
    """Returns the SHA-256 fingerprint of a PEM certificate, in lower case without colons."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest()


def _may_be_named(secret: str, settings: Settings) -> bool:
    prefixes = settings.allowed_fields["slack"]
    if ANYTHING in prefixes or secret == settings.slack_secret:
        return True
    return secret.startswith(prefixes)
