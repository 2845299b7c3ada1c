"""How an organization's pages look: a draft is changed, published, and an earlier version published again."""

import asyncio
import re
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from harka.errors import ConflictError, NotFoundError
from harka.ids import new_id
from harka.learning import storage
from harka.learning.contrast import GRAPHICS, TEXT, accept_color
from harka.learning.picture import accept_picture
from harka.learning.work import UnitOfWork
from harka.repositories import branding as brandings
from harka.repositories import branding_asset as assets
from harka.repositories.branding import Branding, BrandingStatus
from harka.repositories.branding_asset import BrandingAsset
from harka.repositories.event import EventType
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.rows import ByKey
from harka.tenancy.context import TenantContext
from harka.tenancy.entitlement import features_for, require_feature
from harka.tenancy.permission import Permission


class Look(msgspec.Struct, frozen=True):
    """What anybody sees of a version; None is as the platform looks."""

    logo_hash: str | None = None
    favicon_hash: str | None = None
    primary_color: str | None = None
    secondary_color: str | None = None


PLAIN: Final = Look()
_HASH: Final = re.compile("[0-9a-f]{64}")


class BrandingChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is UNSET stays as it is, None takes it away. Pictures in Base64."""

    logo: str | UnsetType | None = UNSET
    favicon: str | UnsetType | None = UNSET
    primary_color: str | UnsetType | None = UNSET
    secondary_color: str | UnsetType | None = UNSET


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[Branding]:
    work.context.require(Permission.ORGANIZATION_WRITE)
    return ByKey(await brandings.find_by_ids(work.session, ids))


async def list_page(
    work: UnitOfWork,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    status: str | None = None,
) -> Sequence[Branding]:
    """The next `first` versions in that order, the draft among them. `status`: None for any."""
    work.context.require(Permission.ORGANIZATION_WRITE)
    return await brandings.list_page(work.session, after=after, first=first, order=order, status=status)


async def count(work: UnitOfWork, *, status: str | None = None) -> int:
    work.context.require(Permission.ORGANIZATION_WRITE)
    return await brandings.count(work.session, status=status)


async def look(work: UnitOfWork) -> Look:
    """What is published, for anybody; `PLAIN` where nothing is, or where the plan does not include it."""
    published = await brandings.find_published(work.session)
    if published is None or not _may_have(work.context):
        return PLAIN
    return Look(
        published.logo_hash, published.favicon_hash, published.primary_color, published.secondary_color
    )


async def find_asset(work: UnitOfWork, hash_: str) -> BrandingAsset | None:
    """For anybody: who knows the hash has seen the picture, or a page that shows it."""
    return await assets.find(work.session, hash_) if _HASH.fullmatch(hash_) else None


async def save_draft(work: UnitOfWork, changes: BrandingChanges, *, version: int | None = None) -> Branding:
    """Change the draft. Without one, a draft begins as a copy of what is published.

    `version`: of the draft as the editor read it. Raise `ValidationError` and `ContrastError` naming the
    field, `FeatureNotInPlanError`, `ConflictError` when the draft has changed since.
    """
    _require_feature(work.context)
    # a large drawing takes tens of milliseconds to rewrite
    changed, pictures = await asyncio.to_thread(_accepted, changes)
    open_ = {each.status: each for each in await brandings.lock(work.session)}
    draft = open_.get(BrandingStatus.DRAFT)
    if version is not None and (draft is None or draft.version != version):
        raise ConflictError
    for picture in pictures:
        await _keep(work, picture)
    if draft is not None:
        saved = await brandings.update_draft(work.session, msgspec.structs.replace(draft, **changed))
        await assets.delete_unused(work.session)
        return saved
    published = open_.get(BrandingStatus.PUBLISHED)
    begun = {name: getattr(published, name, None) for name in Look.__struct_fields__} | changed
    made = await brandings.insert_draft(work.session, new_id(), **begun)
    if made is None:
        raise ConflictError
    return made


async def publish(work: UnitOfWork, *, version: int | None = None) -> Branding:
    """Show the draft to everybody. What was published stays to be rolled back to.

    Raise `ConflictError` without a draft, or when it is of another `version`; `FeatureNotInPlanError`.
    """
    _require_feature(work.context)
    draft = await _hold_draft(work, version)
    work.invalidate("branding")
    work.record(EventType.BRANDING_PUBLISHED, draft.id)
    return await brandings.publish(work.session, draft.id)


async def discard(work: UnitOfWork, *, version: int | None = None) -> Branding:
    """Give the draft up. Answers what it was.

    Raise `ConflictError` without a draft, or when it is of another `version`; `FeatureNotInPlanError`.
    """
    _require_feature(work.context)
    draft = await _hold_draft(work, version)
    await brandings.delete_draft(work.session, draft.id)
    await assets.delete_unused(work.session)
    return draft


async def roll_back(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> Branding:
    """Publish an earlier version again. Nothing changes when it is published; a draft stays a draft.

    Raise `NotFoundError`; `ConflictError` for a draft, and for another `version`; `FeatureNotInPlanError`.
    """
    _require_feature(work.context)
    target = next((each for each in await brandings.lock(work.session, id_) if each.id == id_), None)
    if target is None:
        raise NotFoundError("There is no such version here.", field="id")
    _require_version(target, version)
    if target.status == BrandingStatus.DRAFT:
        raise ConflictError("This is a draft: it has not been published yet.", field="id")
    if target.status == BrandingStatus.PUBLISHED:
        return target
    work.invalidate("branding")
    work.record(EventType.BRANDING_PUBLISHED, id_)
    return await brandings.publish(work.session, id_)


def _accepted(changes: BrandingChanges) -> tuple[dict[str, str | None], list[BrandingAsset]]:
    """The columns to change, and the pictures that are new."""
    changed: dict[str, str | None] = {}
    pictures = []
    for name, field, color, least in (
        ("primary_color", "primaryColor", changes.primary_color, TEXT),
        ("secondary_color", "secondaryColor", changes.secondary_color, GRAPHICS),
    ):
        if color is not UNSET:
            changed[name] = None if color is None else accept_color(color, field, least=least)
    for field, encoded in (("logo", changes.logo), ("favicon", changes.favicon)):
        if encoded is UNSET:
            continue
        picture = None if encoded is None else accept_picture(encoded, field, icon=field == "favicon")
        changed[f"{field}_hash"] = None if picture is None else picture.hash
        pictures += [picture] if picture else []
    return changed, pictures


async def _keep(work: UnitOfWork, picture: BrandingAsset) -> None:
    """The same picture takes its room once. Raise `PlanLimitError` when there is none left."""
    if await assets.insert(work.session, picture):
        await storage.take(work, len(picture.content))


async def _hold_draft(work: UnitOfWork, version: int | None) -> Branding:
    draft = next(
        (each for each in await brandings.lock(work.session) if each.status == BrandingStatus.DRAFT), None
    )
    if draft is None:
        raise ConflictError("There is no draft.")
    _require_version(draft, version)
    return draft


def _require_version(found: Branding, version: int | None) -> None:
    if version is not None and found.version != version:
        raise ConflictError


def _require_feature(context: TenantContext) -> None:
    context.require(Permission.ORGANIZATION_WRITE)
    require_feature(context.organization, "custom_branding")


def _may_have(context: TenantContext) -> bool:
    return features_for(context.organization).custom_branding
