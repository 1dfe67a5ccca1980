"""What the installation adds if the spec does not set it."""

from typing import Any

from clients.settings import Settings
from cluster.spec_rules import parse_spec
from cluster.stages import STAGE_IDS
from planning.dry_run import with_defaults

MIRROR = {"url": "http://198.18.0.1:8000", "manifestSha256": "a" * 64}


def settings(**default: Any) -> Settings:
    return Settings("s", "v", "c", default_artifacts={**MIRROR, **default})


def test_a_mirror_that_ends_early_ends_the_play_early() -> None:
    spec = with_defaults(parse_spec({"name": "demo"}), settings(through="etcd"))
    assert spec.artifacts is not None
    assert spec.artifacts.url == MIRROR["url"]
    assert spec.stages[-1] == "etcd"


def test_a_mirror_that_says_nothing_has_everything() -> None:
    assert with_defaults(parse_spec({"name": "demo"}), settings()).stages == STAGE_IDS


def test_what_the_spec_says_is_kept() -> None:
    asked = parse_spec({"name": "demo", "playbook": {"through": "base"}})
    assert with_defaults(asked, settings(through="etcd")).stages[-1] == "base"
    named = {"url": "https://mirror.example.org", "manifestSha256": "b" * 64}
    own = parse_spec({"name": "demo", "artifacts": named})
    assert with_defaults(own, settings(through="etcd")) == own


def test_no_proxy_leads_to_a_mirror_that_is_reached_directly() -> None:
    asked = parse_spec({"name": "demo", "proxy": {"http": "http://p:1", "noProxy": ["a.b"]}})
    spec = with_defaults(asked, settings(direct=True))
    assert spec.proxy is not None
    assert spec.proxy.no_proxy == ("a.b", "198.18.0.1")
    assert with_defaults(asked, settings()).proxy == asked.proxy
    assert with_defaults(parse_spec({"name": "demo"}), settings(direct=True)).proxy is None
