"""The roles of nodes. The pools of the three fixed roles have the role's name; workers are in pools
of their own."""

from typing import Final, Literal

type Role = Literal["controller", "control-plane", "etcd", "worker"]

CONTROLLER: Final = "controller"
CONTROL_PLANE: Final = "control-plane"
ETCD: Final = "etcd"
WORKER: Final = "worker"
FIXED_ROLES: tuple[Role, ...] = (CONTROLLER, CONTROL_PLANE, ETCD)
