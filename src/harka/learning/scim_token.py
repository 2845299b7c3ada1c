"""Tokens of an organization's own directory: none may do more than who made it."""

import enum
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from harka import clock
from harka.auth import scim_token
from harka.errors import ConflictError, NotFoundError, PlanLimitError, ValidationError
from harka.ids import new_id
from harka.learning.moment import accept_moment
from harka.learning.text import accept_line
from harka.learning.work import UnitOfWork
from harka.repositories import scim_token as tokens
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.repositories.scim_token import MOST_LIVE, ScimToken, UsedScimToken
from harka.rows import ByKey
from harka.tenancy.entitlement import require_feature
from harka.tenancy.permission import Permission

LONGEST = 100


class ScimTokenState(enum.StrEnum):
    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Made(msgspec.Struct, frozen=True):
    """`text`: the only copy there will ever be."""

    token: UsedScimToken
    text: str

    def __repr__(self) -> str:
        return f"Made({self.token.prefix})"


def state_of(token: ScimToken) -> ScimTokenState:
    if token.revoked_at is not None:
        return ScimTokenState.REVOKED
    return ScimTokenState.LIVE if scim_token.is_live(token, clock.now()) else ScimTokenState.EXPIRED


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[UsedScimToken]:
    _require(work)
    return ByKey(await tokens.find_by_ids(work.outside.catalog, work.context.id, ids))


async def list_page(
    work: UnitOfWork,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    name: str | None = None,
    state: str | None = None,
) -> Sequence[UsedScimToken]:
    """The next `first`, dead ones included, in that order.

    `name`: a part of it, in any case. `state`: a `ScimTokenState`. None for any.
    """
    _require(work)
    catalog, tenant = work.outside.catalog, work.context.id
    return await tokens.page(catalog, tenant, after=after, first=first, order=order, name=name, state=state)


async def count(work: UnitOfWork, *, name: str | None = None, state: str | None = None) -> int:
    _require(work)
    return await tokens.count(work.outside.catalog, work.context.id, name=name, state=state)


async def create(work: UnitOfWork, *, name: str, expires_at: datetime | None = None) -> Made:
    """Let a directory in, with all that its maker may do at this moment: an owner's changes owners, too.

    Every process knows it within a second. Raise `ForbiddenError` for who may not write people,
    `ValidationError` naming the field, `FeatureNotInPlanError` without `sso`, `PlanLimitError` for too many.
    """
    _require(work)
    work.context.require(Permission.USER_WRITE)
    require_feature(work.context.organization, "sso")
    if expires_at is not None:
        accept_moment(expires_at, "expiresAt")
        if expires_at <= clock.now():
            raise ValidationError("The expiry lies in the past.", field="expiresAt")
    text, now = scim_token.new_text(), clock.now()
    made = UsedScimToken(
        id=new_id(),
        tenant_id=work.context.id,
        prefix=scim_token.prefix_of(text),
        hash=scim_token.hashed(text),
        name=accept_line(name, "name", longest=LONGEST),
        permissions=sorted(work.context.permissions),
        created_by=None if work.context.user is None else work.context.user.id,
        created_at=now,
        expires_at=expires_at,
        revoked_at=None,
        updated_at=now,
        version=1,
        last_used_at=None,
    )
    if not await tokens.insert(work.outside.catalog, made):
        raise PlanLimitError(f"An organization has at most {MOST_LIVE} SCIM tokens that may be used.")
    return Made(made, text)


async def revoke(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> UsedScimToken:
    """Every process refuses it within a second. Nothing changes when it is revoked already.

    Raise `ConflictError` for another `version`, `NotFoundError`.
    """
    _require(work)
    revoked = await tokens.revoke(work.outside.catalog, work.context.id, id_, version)
    if revoked is not None:
        return revoked
    found = await tokens.find_by_ids(work.outside.catalog, work.context.id, [id_])
    if not found:
        raise NotFoundError("There is no such SCIM token here.", field="id")
    if version is not None and version != found[0].version:
        raise ConflictError
    return found[0]


def _require(work: UnitOfWork) -> None:
    """A token is not bound by groups, so it is not for who is."""
    work.context.require(Permission.ORGANIZATION_WRITE)
    work.context.require_everybody()
