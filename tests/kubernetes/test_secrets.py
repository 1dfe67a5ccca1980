"""A whole cluster's secrets are where they belong: each authority's key, the key that encrypts, the
service accounts' and the administrator's. That the search finds things is in tests/lab."""

import re
from typing import Any

import pytest

from tests.lab.conftest import Lab
from tests.lab.secret_places import Arguments, Finding, search
from tests.lab.secret_rules import PERMITTED as BEFORE
from tests.lab.secret_rules import known, permitted, unused

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1200)]

NAME = "quiet"
SPEC: dict[str, Any] = {
    "name": NAME,
    "etcd": {"count": 1, "dataDiskGiB": 4},
    "controller": {"keep": True},
    "workers": [{"name": "worker", "count": 1}],
}
PLANE = rf"machines/.+--{NAME}-control-plane-0/up/etc/kubernetes"
PERMITTED = (
    *BEFORE,
    (rf"{PLANE}/pki/(ca|front-proxy-ca)\.key", "ca-(kubernetes|front-proxy)", "the PKI directory"),
    (rf"{PLANE}/pki/sa\.key", "service-accounts", "the PKI directory"),
    (rf"{PLANE}/slipway/encryption\.yml", "encryption", "what the API server encrypts with"),
)


@pytest.fixture(scope="module")
def found(lab: Lab) -> set[Finding]:
    with Arguments().watching() as arguments:
        answer = lab.apply(SPEC, seconds=900)
        assert answer.status_code == 200, answer.text
        return search(lab, {NAME: 1}, arguments, known(lab))


def test_no_secret_is_where_it_is_not_permitted(found: set[Finding]) -> None:
    assert sorted(finding for finding in found if not permitted(finding, PERMITTED)) == []
    assert unused(found, PERMITTED) == []


def test_the_search_knows_every_secret_of_the_cluster(found: set[Finding]) -> None:
    names = {finding.secret for finding in found if re.fullmatch(r"vault\.json", finding.place)}
    wanted = {"ssh-key", "ca-etcd", "ca-kubernetes", "ca-front-proxy"}
    wanted |= {"service-accounts", "encryption", "kubeconfig"}
    assert wanted <= names, wanted - names
