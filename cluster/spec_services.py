"""The parts of the spec that name services of others: Slack, a mirror, a proxy."""

from typing import Annotated

from pydantic import Field, StringConstraints

from cluster import forms
from cluster.model import Model
from cluster.urls import RemoteUrl


class Slack(Model):
    """Where messages go. Not the webhook itself: that is a credential."""

    secret: Annotated[str, StringConstraints(pattern=forms.SECRET.pattern)] = Field(
        description="Name of the Key Vault secret that holds the incoming webhook's URL.",
        examples=["slack-webhook"],
    )


class Artifacts(Model):
    """A mirror for everything that is downloaded."""

    url: RemoteUrl = Field(
        description="Address of the mirror.", examples=["https://mirror.example.com/slipway"]
    )
    manifest_sha256: Annotated[str, StringConstraints(pattern=forms.SHA256.pattern)] = Field(
        description="SHA-256 of the mirror's manifest.yml; 'slipway mirror' prints it.",
        examples=["0123456789abcdef" * 4],
    )


class Proxy(Model):
    """HTTP(S) proxy of the nodes: of their package manager, containerd, kubelet and downloads."""

    http: RemoteUrl | None = Field(
        default=None,
        description="Proxy for http URLs. Without it, they are reached directly.",
        examples=["http://proxy.example.com:3128"],
    )
    https: RemoteUrl | None = Field(
        default=None,
        description="Proxy for https URLs. Default: the same as for http.",
        examples=["http://proxy.example.com:3128"],
    )
    no_proxy: tuple[Annotated[str, StringConstraints(pattern=forms.NO_PROXY.pattern)], ...] = Field(
        default=(),
        max_length=256,
        description="Hosts, domains, addresses and CIDRs that are reached directly, besides the "
        "cluster's own networks and names and Azure's metadata.",
        examples=[[".example.com"]],
    )

    @property
    def for_https(self) -> str | None:
        return self.https or self.http
