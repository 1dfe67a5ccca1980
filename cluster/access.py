"""Who may do what: the app roles, and the clusters that a role of a caller is limited to. Pure.

The roles come from a verified token. The bounds are a setting of the installation: as soon as one
bound names a role, that role holds only where a bound of the caller covers the cluster.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum

EVERYBODY = "*"


class AppRole(IntEnum):
    """What a route needs. A role includes the ones before it. `ANYONE` needs no sign-in."""

    ANYONE = 0
    READER = 1
    OPERATOR = 2
    ADMINISTRATOR = 3

    @property
    def value_in_token(self) -> str:
        return self.name.capitalize()


# The values of the app roles in the app registration, and so in the claim `roles`.
APP_ROLES = {role.value_in_token: role for role in AppRole if role is not AppRole.ANYONE}


@dataclass(frozen=True)
class RoleBound:
    """The clusters for which a role of a principal holds.

    Attributes:
        principal: the object id of a user, a group or a workload identity, or `*` for everybody.
        prefixes: prefixes of clusters' names. Empty: every name.
        groups: resource groups, in lower case. Empty: every group.
    """

    principal: str
    role: AppRole
    prefixes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def covers_name(self, cluster: str) -> bool:
        return not self.prefixes or cluster.startswith(self.prefixes)

    def covers(self, cluster: str, group: str) -> bool:
        in_group = not self.groups or group.lower() in self.groups
        return self.covers_name(cluster) and in_group


@dataclass(frozen=True)
class Reach:
    """The clusters that a caller may use for one purpose. None: every cluster."""

    bounds: tuple[RoleBound, ...] | None = None

    @property
    def covers_everything(self) -> bool:
        return self.bounds is None or any(not (one.prefixes or one.groups) for one in self.bounds)

    def covers_name(self, cluster: str) -> bool:
        """Returns whether the name is covered, in whichever resource group the cluster is."""
        return self.bounds is None or any(one.covers_name(cluster) for one in self.bounds)

    def covers(self, cluster: str, group: str) -> bool:
        return self.bounds is None or any(one.covers(cluster, group) for one in self.bounds)


@dataclass(frozen=True)
class Caller:
    """Whoever sent a request.

    Attributes:
        name: who it is, for people; empty if no token says so.
        object_id: whose token it is; empty without a token.
        roles: the roles of the token.
        bounds: those bounds of the installation that name the caller.
        bounded: the roles that hold only within bounds.
    """

    name: str = ""
    object_id: str = ""
    roles: frozenset[AppRole] = frozenset()
    bounds: tuple[RoleBound, ...] = ()
    bounded: frozenset[AppRole] = frozenset()

    def reach(self, needed: AppRole) -> Reach:
        """Returns the clusters for which the caller has the needed role."""
        held = [role for role in self.roles if role >= needed]
        if any(role not in self.bounded for role in held):
            return Reach()
        return Reach(tuple(bound for bound in self.bounds if bound.role in held))

    def has(self, needed: AppRole) -> bool:
        return any(role >= needed for role in self.roles)


# Whoever has a function key, where the installation takes keys.
KEY_HOLDER = Caller(roles=frozenset({AppRole.ADMINISTRATOR}))
# Whoever has a session of the page, which was begun with a function key.
SESSION_HOLDER = Caller(roles=frozenset({AppRole.READER}))


def make_caller(
    name: str,
    object_id: str,
    groups: Collection[str],
    roles: Collection[str],
    bounds: Collection[RoleBound],
) -> Caller:
    """Returns the caller of a token.

    Args:
        groups: the object ids of the caller's groups.
        roles: the token's app roles. Unknown ones are ignored.
        bounds: all bounds of the installation.
    """
    known = {one.lower() for one in (object_id, *groups)} | {EVERYBODY}
    return Caller(
        name=name,
        object_id=object_id,
        roles=frozenset(APP_ROLES[role] for role in roles if role in APP_ROLES),
        bounds=tuple(bound for bound in bounds if bound.principal in known),
        bounded=frozenset(bound.role for bound in bounds),
    )
