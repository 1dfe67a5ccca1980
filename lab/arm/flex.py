"""The properties of a function app that Flex Consumption rejects and every other plan accepts."""

import functools
from typing import Any

import yaml

from lab.arm.errors import ArmError
from lab.paths import ROOT

RULES = ROOT / "arm/flex-consumption.yaml"
TIER = "flexconsumption"
# For each section of a site's properties: its name in the rules, its prefix in Azure's message, and
# the message's words for one property and for several.
SECTIONS = (
    ("site", "Site", "site property", "site properties"),
    ("siteConfig", "Site.SiteConfig", "site configuration property",
     "site configuration properties"),
    ("appSettings", "Site.SiteConfig.AppSettings", "app setting", "app settings"),
)  # fmt: skip


@functools.cache
def refused() -> dict[str, dict[str, Any]]:
    """Returns the names that Flex Consumption rejects, by section, each with the evidence for
    it."""
    return yaml.safe_load(RULES.read_text(encoding="utf-8"))


def check_flex(plan: dict[str, Any] | None, properties: dict[str, Any]) -> None:
    """Checks a site's properties if its plan is Flex Consumption. Does nothing for other plans.

    Raises:
        ArmError: BadRequest 51021 in Microsoft.Web's wording, for the first section with an invalid
            property.
    """
    if str(((plan or {}).get("sku") or {}).get("tier")).lower() != TIER:
        return
    config = properties.get("siteConfig") or {}
    given = {
        "site": list(properties),
        "siteConfig": list(config),
        "appSettings": [setting["name"] for setting in config.get("appSettings") or []],
    }
    for section, prefix, one, several in SECTIONS:
        names = {name.lower() for name in refused()[section]}
        found = [f"{prefix}.{_title(name)}" for name in given[section] if name.lower() in names]
        if found:
            raise _invalid(found, one, several)


def _title(name: str) -> str:
    return name[0].upper() + name[1:]


def _invalid(found: list[str], one: str, several: str) -> ArmError:
    if len(found) == 1:
        what, advice = f"{one} ({found[0]})", "Please remove or rename it before retrying."
    else:
        what = f"list of {len(found)} {several} ({', '.join(found)})"
        advice = "Please remove or rename them before retrying."
    subject = f"The following {what} for Flex Consumption sites"
    message = f"{subject} is invalid.  {advice}"
    entity = {
        "ExtendedCode": "51021",
        "MessageTemplate": "{0} is invalid.  {1}",
        "Parameters": [subject, advice],
        "Code": "BadRequest",
        "Message": message,
    }
    return ArmError(
        400, "BadRequest", message,
        [{"Message": message}, {"Code": "BadRequest"}, {"ErrorEntity": entity}],
    )  # fmt: skip
