"""API keys: whoever makes one gives it no more than they may do themselves, and sees its text once."""

import enum
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from harka import clock
from harka.auth import api_key
from harka.auth.api_key import Bounds
from harka.auth.permissions import permissions_named
from harka.errors import ConflictError, ForbiddenError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning.moment import accept_moment
from harka.learning.work import UnitOfWork
from harka.repositories import api_key as keys
from harka.repositories.api_key import ApiKey, UsedApiKey
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.rows import ByKey
from harka.tenancy.entitlement import require_feature
from harka.tenancy.permission import Permission

USUAL_OVERLAP: Final = timedelta(days=1)
LONGEST_OVERLAP: Final = timedelta(days=30)


class ApiKeyState(enum.StrEnum):
    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ApiKeyDraft(msgspec.Struct, frozen=True, kw_only=True):
    """`acts_as_maker`: as the person who makes it, with what they may do at the time of each request."""

    name: str
    scopes: Collection[str]
    networks: Collection[str] = ()
    requests_per_second: int | None = None
    expires_at: datetime | None = None
    acts_as_maker: bool = False


class Made(msgspec.Struct, frozen=True):
    """`text`: the only copy there will ever be."""

    key: UsedApiKey
    text: str

    def __repr__(self) -> str:
        return f"Made({self.key.prefix})"


class Rotated(msgspec.Struct, frozen=True):
    """`replaced`: as it is now, with its end."""

    made: Made
    replaced: UsedApiKey


def state_of(key: ApiKey) -> ApiKeyState:
    if key.revoked_at is not None:
        return ApiKeyState.REVOKED
    return ApiKeyState.LIVE if api_key.is_live(key, clock.now()) else ApiKeyState.EXPIRED


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[UsedApiKey]:
    _require(work)
    return ByKey(await keys.find_by_ids(work.outside.catalog, work.context.id, ids))


async def list_page(
    work: UnitOfWork,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    name: str | None = None,
    state: str | None = None,
) -> Sequence[UsedApiKey]:
    """The next `first`, dead ones included, in that order.

    `name`: a part of it, in any case. `state`: an `ApiKeyState`. None for any.
    """
    _require(work)
    catalog, tenant = work.outside.catalog, work.context.id
    return await keys.page(catalog, tenant, after=after, first=first, order=order, name=name, state=state)


async def count(work: UnitOfWork, *, name: str | None = None, state: str | None = None) -> int:
    _require(work)
    return await keys.count(work.outside.catalog, work.context.id, name=name, state=state)


async def create(work: UnitOfWork, draft: ApiKeyDraft) -> Made:
    """Let a program in. Every process knows the key within a second.

    Raise `ForbiddenError` for a scope that its maker does not have, `ValidationError` naming the field,
    `FeatureNotInPlanError` without `apiAccess`, `PlanLimitError` for too many.
    """
    _require(work)
    require_feature(work.context.organization, "api_access")
    person = work.context.user
    if draft.acts_as_maker and person is None:
        raise ValidationError("No person makes this key whom it could act as.", field="actsAsMaker")
    if draft.expires_at is not None:
        accept_moment(draft.expires_at, "expiresAt")
    _require_own(work, draft.scopes)
    made = await api_key.create(
        work.outside.catalog,
        work.context.id,
        name=draft.name,
        scopes=draft.scopes,
        user=person.id if draft.acts_as_maker and person is not None else None,
        expires_at=draft.expires_at,
        bounds=Bounds(
            networks=draft.networks,
            requests_per_second=draft.requests_per_second,
            created_by=_maker(work),
        ),
    )
    return Made(UsedApiKey(**msgspec.structs.asdict(made.key), last_used_at=None), made.text)


async def rotate(
    work: UnitOfWork, id_: UUID, *, version: int | None = None, overlap: timedelta = USUAL_OVERLAP
) -> Rotated:
    """A new key in a key's place, with all that bounds it, for as long as it was made for.

    Both are accepted for `overlap`. Raise `ForbiddenError` for a key that may do more than the actor, or acts
    as somebody else; `ConflictError` for one that is not live, and for another `version`; `NotFoundError`,
    `ValidationError`, `PlanLimitError`, `FeatureNotInPlanError`.
    """
    _require(work)
    require_feature(work.context.organization, "api_access")
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise ValidationError(f"At most {LONGEST_OVERLAP.days} days, in seconds.", field="overlapSeconds")
    found = await _found(work, id_)
    if version is not None and version != found.version:
        raise ConflictError
    # whoever has the new text may do what the key may
    _require_own(work, found.scopes)
    if found.user_id not in {None, _maker(work)}:
        raise ForbiddenError("This key acts as somebody else.")
    if state_of(found) is not ApiKeyState.LIVE:
        raise ConflictError("This key is dead: make another.", field="id")
    now, text = clock.now(), api_key.new_text()
    fresh = msgspec.structs.replace(
        found,
        id=new_id(),
        prefix=api_key.prefix_of(text),
        hash=api_key.hashed(text),
        created_at=now,
        expires_at=None if found.expires_at is None else now + (found.expires_at - found.created_at),
        created_by=_maker(work),
    )
    catalog = work.outside.catalog
    made = await keys.rotate(catalog, found, fresh, overlap=overlap.total_seconds())
    if made is None:
        raise ConflictError
    return Rotated(Made(made, text), await _found(work, id_))


async def revoke(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> UsedApiKey:
    """Every process refuses it within a second, and closes its sockets. Nothing changes when it is revoked.

    Raise `ConflictError` for another `version`, `NotFoundError`.
    """
    _require(work)
    revoked = await keys.revoke_by_id(work.outside.catalog, work.context.id, id_, version)
    if revoked is not None:
        return revoked
    found = await _found(work, id_)
    if version is not None and version != found.version:
        raise ConflictError
    return found


def _require(work: UnitOfWork) -> None:
    """A key is not bound by groups, so it is not for who is."""
    work.context.require(Permission.ORGANIZATION_WRITE)
    work.context.require_everybody()


def _require_own(work: UnitOfWork, scopes: Collection[str]) -> None:
    if not permissions_named(sorted(scopes)) <= work.context.permissions:
        raise ForbiddenError("Nobody gives a key what they may not do themselves.")


def _maker(work: UnitOfWork) -> UUID | None:
    return None if work.context.user is None else work.context.user.id


async def _found(work: UnitOfWork, id_: UUID) -> UsedApiKey:
    found = await keys.find_by_ids(work.outside.catalog, work.context.id, [id_])
    if not found:
        raise NotFoundError("There is no such API key here.", field="id")
    return found[0]
