"""Who calls the app with tokens, and where their roles hold."""

from lab.testing.standins import Holder

TEAM = "aaaaaaaa-0000-4000-8000-000000000001"
EVE = Holder("eve@example.org")
READER = Holder("rita@example.org", roles=("Reader",))
OPERATOR = Holder("otto@example.org", roles=("Operator",))
ADMINISTRATOR = Holder("ada@example.org", roles=("Administrator",))
NAMES_ADMINISTRATOR = Holder("pia@example.org", roles=("Administrator",))
TEAM_ADMINISTRATOR = Holder("tea@example.org", roles=("Administrator",))
ROBOT = Holder("pipeline", roles=("Operator",), workload=True)
MEMBER = Holder("tom@example.org", roles=("Operator", "Reader"), groups=(TEAM,))
BOUNDS = [
    {"principal": ADMINISTRATOR.object_id, "role": "Administrator"},
    {"principal": NAMES_ADMINISTRATOR.object_id, "role": "Administrator", "prefixes": ["odd-"]},
    {"principal": TEAM_ADMINISTRATOR.object_id, "role": "Administrator", "groups": ["team-a"]},
    {"principal": OPERATOR.object_id, "role": "Operator"},
    {"principal": ROBOT.object_id, "role": "Operator", "prefixes": ["ci-"]},
    {"principal": TEAM.upper(), "role": "Operator", "groups": ["Team-A", "team-b"]},
]
