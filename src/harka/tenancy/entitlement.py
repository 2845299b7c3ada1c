"""What an organization may have: its plan, and what was granted to it beside that."""

from collections.abc import Mapping
from types import NoneType
from typing import Final, get_args, get_type_hints

import msgspec

from harka.errors import FeatureNotInPlanError, ValidationError
from harka.repositories.organization import Organization
from harka.tenancy.plan import MOST, Features, PlanLimits, features_of, least_plan_with, limits_of

Limit = int | float | None

LIMIT_NAMES: Final = tuple(name for name in PlanLimits.__struct_fields__ if name != "features")
FEATURE_NAMES: Final = Features.__struct_fields__
_TYPES: Final = {
    name: set(get_args(hint) or (hint,))
    for name, hint in get_type_hints(PlanLimits).items()
    if name != "features"
}
_NONE_AT_ALL: Final = frozenset({"users", "requests_per_month", "bandwidth_bytes", "grace", "sockets"})
"""What may be 0; of the rest nothing would ever pass."""
_MOST_OF: Final = dict.fromkeys(("users", "queued_jobs", "running_jobs"), 2**31 - 1)
"""What PostgreSQL's statements and GraphQL's `Int` count in 32 bits."""


def limits_for(organization: Organization) -> PlanLimits:
    """The plan's limits, and what was granted in their place."""
    limits, granted = limits_of(organization.plan), organization.granted
    if granted is None or not granted.limits:
        return limits
    # a name that this build does not know is another build's
    known = {name: value for name, value in granted.limits.items() if name in _TYPES}
    return msgspec.structs.replace(limits, **known)


def is_shadow(organization: Organization) -> bool:
    """Whether what is beyond a limit is only counted."""
    return organization.granted is not None and organization.granted.shadow


def features_for(organization: Organization) -> Features:
    return features_of(organization.plan, organization.features)


def require_feature(organization: Organization, feature: str, *, field: str | None = None) -> None:
    """Raise `FeatureNotInPlanError` naming the smallest plan with the feature. `field`: of the input."""
    if getattr(features_for(organization), feature):
        return
    # what its own terms turn off no other plan brings back
    plan = None if feature in organization.features else least_plan_with(feature)
    raise FeatureNotInPlanError(spelled(feature), plan, field=field)


def spelled(feature: str) -> str:
    """As clients write it."""
    first, *rest = feature.split("_")
    return first + "".join("AI" if word == "ai" else word.title() for word in rest)


def accept_limit(name: str, value: Limit) -> Limit:
    """A value that `PlanLimits` may have. Raise `ValidationError` naming the limit."""
    types = _TYPES.get(name)
    if types is None:
        raise ValidationError(
            f"There is no limit of this name; there are {', '.join(LIMIT_NAMES)}.", field=name
        )
    if value is None:
        if NoneType not in types:
            raise ValidationError(f"{name} cannot be without a limit.", field=name)
        return None
    # not a number is not between any, and a whole one may be too large for a float
    most = _MOST_OF.get(name, MOST)
    if isinstance(value, bool) or not 0 <= value <= most:
        raise ValidationError(f"{name} is a number from 0 to {most:,}.", field=name)
    if value == 0 and name not in _NONE_AT_ALL:
        raise ValidationError(f"{name} is above 0.", field=name)
    if float in types:
        return float(value)
    if value != int(value):
        raise ValidationError(f"{name} is a whole number.", field=name)
    return int(value)


def accept_features(given: Mapping[str, bool]) -> dict[str, bool]:
    """Raise `ValidationError` for a name that is none."""
    for name in given:
        if name not in FEATURE_NAMES:
            raise ValidationError(
                f"There is no feature of this name; there are {', '.join(FEATURE_NAMES)}.", field=name
            )
    return dict(given)
