"""Changing what an organization may have: what the command line calls. Every change is written down."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from harka import clock
from harka.errors import ConflictError, DowngradeError, Excess, ValidationError
from harka.repositories import entitlement as entitlements
from harka.repositories.dependent import Dependent
from harka.repositories.entitlement import Change, Limit
from harka.repositories.organization import Granted, Organization
from harka.storage.catalog import Catalog
from harka.tenancy.entitlement import (
    FEATURE_NAMES,
    LIMIT_NAMES,
    accept_features,
    accept_limit,
    features_for,
    limits_for,
    spelled,
)
from harka.tenancy.plan import Plan, PlanLimits, Resource, with_grace

_REASON_CHARACTERS: Final = 500
_ACTOR_CHARACTERS: Final = 200


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to change; the rest stays. `clear`: limits and features that are the plan's own again."""

    plan: Plan | None = None
    limits: Mapping[str, Limit] = {}
    features: Mapping[str, bool] = {}
    clear: tuple[str, ...] = ()
    shadow: bool | None = None


class InUse(msgspec.Struct, frozen=True):
    """What new terms are held against. `dependents`: of every feature, by its name in `FEATURE_NAMES`."""

    amounts: Mapping[Resource, float]
    dependents: Sequence[Dependent] = ()


class Beyond(msgspec.Struct, frozen=True):
    """Why new terms do not fit: what there is too much of, and what would stop with the features that go."""

    excess: tuple[Excess, ...] = ()
    dependents: tuple[Dependent, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.excess or self.dependents)


class PlanChange(msgspec.Struct, frozen=True):
    """What another plan would mean: what there is too much of, and the features that would go."""

    excess: tuple[Excess, ...]
    lost_features: tuple[str, ...]


async def change(
    catalog: Catalog,
    organization: Organization,
    wanted: Wanted,
    *,
    actor: str,
    reason: str = "",
    used: InUse | None = None,
    force: bool = False,
) -> Organization:
    """Change what it may have, all or nothing; every process knows within a second. What it is after that.

    `used`: what it uses, when the new terms are to be held against that; None lets it be beyond them.
    `force`: it may be beyond them all the same, and the history says of what. What is left of a feature that
    went does not act, and does again when it comes back.
    Raise `ValidationError` naming the limit, `DowngradeError`, and `ConflictError` when somebody else changed
    it since `organization` was read.
    """
    changed = _changed(organization, wanted)
    found = Beyond() if used is None else beyond(organization, wanted, used)
    if found and not force:
        raise DowngradeError(found.excess, found.dependents)
    _check_words(actor, reason)
    granted = changed.granted
    assert granted is not None  # noqa: S101 - made by `_changed`
    async with catalog.transaction() as transaction:
        version = await entitlements.put(
            transaction, changed.id, granted.limits, shadow=granted.shadow, version=granted.version
        )
        if version is None:
            raise ConflictError
        await entitlements.set_plan(transaction, changed.id, changed.plan, changed.features)
        note = Change(
            version=version,
            plan=changed.plan,
            limits=granted.limits,
            features=changed.features,
            shadow=granted.shadow,
            actor=actor,
            reason=reason,
            changed_at=clock.now(),
            forced=_told(found, measured=used is not None) if force else None,
        )
        await entitlements.note(transaction, changed.id, note)
    return msgspec.structs.replace(changed, granted=msgspec.structs.replace(granted, version=version))


def beyond(organization: Organization, wanted: Wanted, used: InUse) -> Beyond:
    """All that must go, or be forced. Raise `ValidationError` naming the limit."""
    changed = _changed(organization, wanted)
    return Beyond(
        exceeded(limits_for(organization), limits_for(changed), used.amounts),
        left_without(_lost(organization, changed), used.dependents),
    )


def plan_change(organization: Organization, plan: Plan, used: Mapping[Resource, float]) -> PlanChange:
    """What another plan would mean to who uses so much; what was granted beside the plan stays."""
    changed = msgspec.structs.replace(organization, plan=plan)
    excess = exceeded(limits_for(organization), limits_for(changed), used)
    return PlanChange(excess, _lost(organization, changed))


def left_without(lost: Sequence[str], dependents: Sequence[Dependent]) -> tuple[Dependent, ...]:
    """What would stop with the features `lost`, which clients spell so, and so are those of the answer."""
    told = (each._replace(feature=spelled(each.feature)) for each in dependents)
    return tuple(each for each in told if each.feature in lost)


def exceeded(before: PlanLimits, after: PlanLimits, used: Mapping[Resource, float]) -> tuple[Excess, ...]:
    """What there is too much of for the limits that become smaller; who was beyond another stays so."""
    earlier, allowed = _allowed(before), _allowed(after)
    found = []
    for resource, limit in allowed.items():
        there, was = used.get(resource, 0), earlier[resource]
        if limit is not None and there > limit and (was is None or limit < was):
            found.append(Excess(resource, there, limit))
    return tuple(found)


def _allowed(limits: PlanLimits) -> dict[Resource, float | None]:
    """Of what does not go by itself within seconds."""
    return {
        Resource.USERS: limits.users,
        Resource.STORAGE: limits.storage_bytes,
        Resource.REQUESTS_PER_MONTH: with_grace(limits.requests_per_month, limits.grace),
        Resource.BANDWIDTH: with_grace(limits.bandwidth_bytes, limits.grace),
    }


def _told(found: Beyond, *, measured: bool) -> dict[str, Any]:
    """For the history."""
    return {
        "measured": measured,
        "excess": [each._asdict() for each in found.excess],
        "dependents": [each._asdict() for each in found.dependents],
    }


def _lost(organization: Organization, changed: Organization) -> tuple[str, ...]:
    before, after = features_for(organization), features_for(changed)
    return tuple(
        spelled(name)
        for name in before.__struct_fields__
        if getattr(before, name) and not getattr(after, name)
    )


def _changed(organization: Organization, wanted: Wanted) -> Organization:
    """As it would be, with the version that it was read in."""
    before = organization.granted or Granted({}, shadow=False, version=0)
    limits = before.limits | {name: accept_limit(name, value) for name, value in wanted.limits.items()}
    features = organization.features | accept_features(wanted.features)
    for name in wanted.clear:
        if name not in limits and name not in features:
            if name not in LIMIT_NAMES and name not in FEATURE_NAMES:
                raise ValidationError("There is no limit or feature of this name.", field=name)
            raise ValidationError("This is the plan's own already.", field=name)
        limits.pop(name, None)
        features.pop(name, None)
    plan = organization.plan if wanted.plan is None else str(wanted.plan)
    shadow = before.shadow if wanted.shadow is None else wanted.shadow
    return msgspec.structs.replace(
        organization, plan=plan, features=features, granted=Granted(limits, shadow, before.version)
    )


def _check_words(actor: str, reason: str) -> None:
    for name, text, most in (("actor", actor, _ACTOR_CHARACTERS), ("reason", reason, _REASON_CHARACTERS)):
        if len(text) > most or not (text.isprintable() or not text):
            raise ValidationError(f"At most {most} printable characters.", field=name)
    if not actor:
        raise ValidationError("Who changes it is written down.", field="actor")
