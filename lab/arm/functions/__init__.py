"""The functions of the template language that depend on their arguments only, by topic.

The semantics follow Microsoft's template function reference. Names are in lower case, because the
language is case-insensitive. `NOT_HERE` lists ARM's functions that the stand-in does not evaluate.
"""

from lab.arm.functions import addresses, collections, lambdas, logic, numbers, text
from lab.arm.functions.values import Function, Mismatch

__all__ = ["FUNCTIONS", "NOT_HERE", "Function", "Mismatch"]

FUNCTIONS: dict[str, Function] = (
    addresses.FUNCTIONS
    | collections.FUNCTIONS
    | lambdas.FUNCTIONS
    | logic.FUNCTIONS
    | numbers.FUNCTIONS
    | text.FUNCTIONS
)
NOT_HERE = frozenset(
    {
        "base64tojson", "datauri", "datauritostring", "datetimeadd", "datetimefromepoch",
        "datetimetoepoch", "environment", "float", "getsecret",
        "list", "listaccountsas", "listkeys", "listkeyvalue", "listsecrets", "managementgroup",
        "managementgroupresourceid", "newguid", "pickzones", "providers",
        "references", "tenant", "tenantresourceid", "utcnow",
    }
)  # fmt: skip
