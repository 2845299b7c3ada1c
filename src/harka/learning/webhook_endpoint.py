"""Where an organization has its events told. Whoever says where, and what, lends their permissions to it."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from harka import clock
from harka.auth.delegation import Delegate, delegate_of
from harka.auth.permissions import permissions_named
from harka.errors import ConflictError, ForbiddenError, NotFoundError, PlanLimitError, ValidationError
from harka.ids import new_id
from harka.learning import event, webhook_signature
from harka.learning.text import accept_line, accept_text
from harka.learning.work import UnitOfWork
from harka.outbound import accept_url
from harka.queue.message import WEBHOOKS_TOPIC
from harka.repositories import webhook_delivery as deliveries
from harka.repositories import webhook_endpoint as endpoints
from harka.repositories.event import EventType
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.repositories.webhook_endpoint import WebhookEndpoint, WebhookPauseReason
from harka.rows import ByKey
from harka.tenancy.entitlement import require_feature
from harka.tenancy.permission import Permission

MOST: Final = 20
"""Endpoints of an organization."""
LONGEST_DESCRIPTION: Final = 200
LONGEST_DOCUMENT: Final = 10_000
USUAL_OVERLAP: Final = timedelta(days=1)
LONGEST_OVERLAP: Final = timedelta(days=30)
HOURS_TRIED: Final = 72
"""From when something is to be told to when it is given up."""
SECONDS_TRIED: Final = HOURS_TRIED * 3600.0


class EndpointDraft(msgspec.Struct, frozen=True, kw_only=True):
    """`types`: none for all. `document`: checked by the graph. `scopes`: permissions by name."""

    url: str
    description: str = ""
    types: Collection[str] = ()
    document: str
    scopes: Collection[str]


class EndpointChange(msgspec.Struct, frozen=True, kw_only=True):
    """As of an `EndpointDraft`; what is UNSET stays. `paused`: whether nothing shall be sent."""

    url: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    types: Collection[str] | UnsetType = UNSET
    document: str | UnsetType = UNSET
    scopes: Collection[str] | UnsetType = UNSET
    paused: bool | UnsetType = UNSET


class Made(msgspec.Struct, frozen=True):
    """`secret`: the only copy in clear that there will ever be."""

    endpoint: WebhookEndpoint
    secret: str

    def __repr__(self) -> str:
        return f"Made({self.endpoint.id})"


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[WebhookEndpoint]:
    require(work)
    return ByKey(await endpoints.find_by_ids(work.session, ids))


async def list_page(
    work: UnitOfWork,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    is_paused: bool | None = None,
) -> Sequence[WebhookEndpoint]:
    """The next `first` in that order. `is_paused`: None for any."""
    require(work)
    return await endpoints.list_page(work.session, after=after, first=first, order=order, is_paused=is_paused)


async def count(work: UnitOfWork, *, is_paused: bool | None = None) -> int:
    require(work)
    return await endpoints.count(work.session, is_paused=is_paused)


async def create(work: UnitOfWork, draft: EndpointDraft, *, seal_key: bytes) -> Made:
    """It is told what happens from now on. `seal_key`: of `Keyring.seal`.

    Raise `ValidationError` naming the field, `ForbiddenError` for a scope that its maker does not have,
    `FeatureNotInPlanError` without `apiAccess`, `PlanLimitError` for too many.
    """
    require(work)
    require_feature(work.context.organization, "api_access")
    now = clock.now()
    maker = _maker(work, draft.scopes)
    made = WebhookEndpoint(
        id=new_id(),
        url=_accept_url(work, draft.url),
        description=accept_text(draft.description, "description", longest=LONGEST_DESCRIPTION),
        types=_accept_types(draft.types),
        document=draft.document,
        **_lent(maker),
        old_secret_until=None,
        paused_at=None,
        pause_reason=None,
        failures=0,
        failing_since=None,
        rest_until=None,
        last_delivered_at=None,
        last_failed_at=None,
        events_lost_at=None,
        created_at=now,
        updated_at=now,
        version=1,
    )
    await endpoints.lock_count(work.session)
    if await endpoints.count(work.session) >= MOST:
        raise PlanLimitError(f"An organization has at most {MOST} webhook endpoints.")
    secret = webhook_signature.new_secret()
    stored = await endpoints.insert(work.session, made, _sealed(work, seal_key, made.id, secret))
    announce(work)
    return Made(stored, webhook_signature.text_of(secret))


async def update(work: UnitOfWork, id_: UUID, change: EndpointChange, *, version: int) -> WebhookEndpoint:
    """Whoever changes where or what is told is whom it acts for from then on.

    One that is paused no more is sent what waited, with all the time again. Raise like `create`, and
    `ConflictError` for another `version`, `NotFoundError`.
    """
    require(work)
    require_feature(work.context.organization, "api_access")
    held = await endpoints.lock(work.session, id_)
    if held is None:
        raise no_endpoint()
    if held.version != version:
        raise ConflictError
    given = {name: each for name, each in msgspec.structs.asdict(change).items() if each is not UNSET}
    scopes = given.pop("scopes", held.scopes)
    if {"url", "document"} & given.keys() or change.scopes is not UNSET:
        given |= _lent(_maker(work, scopes))
    if "url" in given:
        given["url"] = _accept_url(work, given["url"])
    if "description" in given:
        given["description"] = accept_text(given["description"], "description", longest=LONGEST_DESCRIPTION)
    if "types" in given:
        given["types"] = _accept_types(given["types"])
    paused = given.pop("paused", None)
    resumes = paused is False and held.paused_at is not None
    if paused is not None:
        given["pause_reason"] = (held.pause_reason or str(WebhookPauseReason.ASKED)) if paused else None
    changed = await endpoints.update(work.session, msgspec.structs.replace(held, **given), resumes=resumes)
    if resumes:
        await deliveries.renew(work.session, id_, seconds=SECONDS_TRIED)
    announce(work)
    return changed


async def delete(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> None:
    """With its deliveries. Raise `ConflictError` for another `version`; `NotFoundError`."""
    require(work)
    if not await endpoints.delete(work.session, id_, version):
        raise await _stale(work, id_, "webhookEndpointId")


async def rotate_secret(
    work: UnitOfWork,
    id_: UUID,
    *,
    seal_key: bytes,
    version: int | None = None,
    overlap: timedelta = USUAL_OVERLAP,
) -> Made:
    """A new secret; for `overlap` the one before signs, too. One that was older signs no more.

    Raise `ValidationError`, `ConflictError` for another `version`; `NotFoundError`.
    """
    require(work)
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise ValidationError(f"At most {LONGEST_OVERLAP.days} days, in seconds.", field="overlapSeconds")
    secret = webhook_signature.new_secret()
    sealed = _sealed(work, seal_key, id_, secret)
    rotated = await endpoints.rotate(work.session, id_, version, sealed, overlap=overlap.total_seconds())
    if rotated is None:
        raise await _stale(work, id_)
    return Made(rotated, webhook_signature.text_of(secret))


async def replay(work: UnitOfWork, id_: UUID, after: tuple[int, UUID] | None) -> WebhookEndpoint:
    """Have it told again what came after a place in the stream; None for all that is kept.

    Raise `NotFoundError`, `FeatureNotInPlanError`; `CursorExpiredError` where something that it is told is
    forgotten already. After an error undo the unit.
    """
    require(work)
    require_feature(work.context.organization, "api_access")
    moved = await endpoints.move(work.session, id_, *(after or (0, UUID(int=0))))
    if moved is None:
        raise no_endpoint()
    if after is not None:
        await event.require_kept(work, after, types=moved.types or None)
    announce(work)
    return moved


def delegate_for(endpoint: WebhookEndpoint) -> Delegate:
    """For whom its document is executed."""
    return Delegate(
        kind=endpoint.actor_kind,
        id=endpoint.actor_id,
        name=endpoint.actor_name,
        user_id=endpoint.user_id,
        scopes=endpoint.scopes,
    )


def require(work: UnitOfWork) -> None:
    """Raise for who may not say where events are told: everybody's, so not who manages some groups."""
    work.context.require(Permission.ORGANIZATION_WRITE)
    work.context.require_everybody()


def announce(work: UnitOfWork) -> None:
    """There is something for workers to look at, once this is committed."""
    work.announce(WEBHOOKS_TOPIC, {"tenant": str(work.context.id)})


def no_endpoint(field: str = "id") -> NotFoundError:
    return NotFoundError("There is no such webhook endpoint here.", field=field)


def _maker(work: UnitOfWork, scopes: Collection[str]) -> Delegate:
    """Who lends these scopes. Raise `ValidationError` and `ForbiddenError`."""
    names = sorted(set(scopes))
    unknown = set(names) - set(Permission)
    if unknown or not names:
        raise ValidationError("Name permissions that there are, such as `course:read`.", field="scopes")
    if Permission.EVENT_READ not in names:
        raise ValidationError(f"Without `{Permission.EVENT_READ}` there is nothing to tell.", field="scopes")
    if not permissions_named(names) <= work.context.permissions:
        raise ForbiddenError("Nobody lets an endpoint do what they may not do themselves.")
    return msgspec.structs.replace(delegate_of(work.context), scopes=names)


def _lent(maker: Delegate) -> dict[str, Any]:
    return {
        "actor_kind": maker.kind,
        "actor_id": maker.id,
        "actor_name": maker.name,
        "user_id": maker.user_id,
        "scopes": maker.scopes,
    }


def _accept_url(work: UnitOfWork, url: str) -> str:
    return accept_url(accept_line(url, "url", longest=2000), "url", private=work.outside.private_addresses)


def _accept_types(types: Collection[str]) -> list[str]:
    return sorted({str(EventType(each)) for each in types})


def _sealed(work: UnitOfWork, key: bytes, id_: UUID, secret: bytes) -> bytes:
    return webhook_signature.seal(key, secret, tenant=work.context.id, endpoint=id_)


async def _stale(work: UnitOfWork, id_: UUID, field: str = "id") -> ConflictError | NotFoundError:
    if not await endpoints.find_by_ids(work.session, [id_]):
        return no_endpoint(field)
    return ConflictError()
