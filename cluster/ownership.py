"""Whose a resource group, a resource or a secret is, by its tags.

A cluster's name is not enough: another installation, or a record that was made anew after it was
lost, may have a cluster of the same name. So the owner is the name, the record's uid and the
installation. Azure compares the keys of tags without regard to case, and so does this module.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cluster import names

# The record's uid, and the installation: the storage account and container of its records. The
# resources of an installation itself have the second tag and no cluster's.
UID_TAG, INSTALLATION_TAG = "slipway-uid", "slipway-installation"
# The tag of a resource group that Slipway created; its value is the cluster's name.
GROUP_TAG = "slipway-owner"


def value_of(tags: Mapping[str, str], key: str) -> str | None:
    """Returns the value of a tag, or None. Keys are compared without regard to case."""
    wanted = key.lower()
    return next((value for name, value in tags.items() if name.lower() == wanted), None)


@dataclass(frozen=True)
class Owner:
    """The cluster that a resource belongs to."""

    cluster: str
    uid: str
    installation: str

    @property
    def tags(self) -> dict[str, str]:
        """Returns the tags of the cluster's resources and secrets."""
        return {
            names.CLUSTER_TAG: self.cluster,
            UID_TAG: self.uid,
            INSTALLATION_TAG: self.installation,
        }

    @property
    def group_tags(self) -> dict[str, str]:
        """Returns the tags of a resource group that is created for the cluster."""
        return {
            GROUP_TAG: self.cluster,
            UID_TAG: self.uid,
            INSTALLATION_TAG: self.installation,
        }

    def owns(self, tags: Mapping[str, str]) -> bool:
        """Returns whether a resource or a secret with these tags is the cluster's."""
        return all(value_of(tags, key) == value for key, value in self.tags.items())

    def owns_group(self, tags: Mapping[str, str]) -> bool:
        """Returns whether a group with these tags was created for the cluster."""
        return all(value_of(tags, key) == value for key, value in self.group_tags.items())


def described(tags: Mapping[str, str]) -> str:
    """Returns who owns what has these tags, for a message: `cluster 'demo' (uid 0a1b2c3d) of the
    installation account/container`."""
    cluster = value_of(tags, names.CLUSTER_TAG) or value_of(tags, GROUP_TAG)
    uid, installation = value_of(tags, UID_TAG), value_of(tags, INSTALLATION_TAG)
    if cluster is None:
        return f"the installation {installation} itself" if installation else "nobody's by its tags"
    known = f"uid {uid}" if uid else f"without the tag {UID_TAG}"
    where = f" of the installation {installation}" if installation else ""
    return f"cluster '{cluster}' ({known}){where}"


def is_installation(tags: Mapping[str, str]) -> bool:
    """Returns whether a resource with these tags is a part of an installation itself."""
    of_cluster = value_of(tags, names.CLUSTER_TAG) or value_of(tags, GROUP_TAG)
    return value_of(tags, INSTALLATION_TAG) is not None and of_cluster is None
