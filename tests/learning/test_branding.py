import asyncio
from base64 import b64decode, b64encode

import msgspec
import pytest

from academy import Academy
from harka.errors import (
    ConflictError,
    ContrastError,
    FeatureNotInPlanError,
    ForbiddenError,
    NotFoundError,
    PlanLimitError,
)
from harka.ids import new_id
from harka.learning import branding
from harka.learning.branding import PLAIN, BrandingChanges, Look
from harka.repositories.branding import Branding
from harka.repositories.organization import Granted
from harka.tenancy.context import operator_context
from harka.tenancy.permission import Permission

BLUE, GREEN = "#1d4ed8", "#166534"


def drawing(word: str) -> str:
    return b64encode(f'<svg xmlns="http://www.w3.org/2000/svg"><desc>{word}</desc></svg>'.encode()).decode()


async def draft(academy: Academy, **changes: str | None) -> Branding:
    async with academy.work() as work:
        return await branding.save_draft(work, BrandingChanges(**changes))


async def published(academy: Academy, **changes: str | None) -> Branding:
    await draft(academy, **changes)
    async with academy.work() as work:
        return await branding.publish(work)


async def shown(academy: Academy) -> Look:
    async with academy.work(academy.anonymous(), read_only=True) as work:
        return await branding.look(work)


async def test_a_draft_is_shown_to_nobody_until_it_is_published(academy: Academy) -> None:
    made = await draft(academy, primary_color=BLUE, logo=drawing("one"))
    assert (made.status, made.published_at, made.version) == ("draft", None, 1)
    assert await shown(academy) == PLAIN
    async with academy.work() as work:
        done = await branding.publish(work, version=1)
    assert (done.id, done.status, done.version) == (made.id, "published", 2)
    assert await shown(academy) == Look(logo_hash=made.logo_hash, primary_color=BLUE)


async def test_a_draft_begins_as_what_is_published(academy: Academy) -> None:
    first = await published(academy, primary_color=BLUE, logo=drawing("one"))
    second = await draft(academy, secondary_color=GREEN)
    assert second.id != first.id
    assert (second.logo_hash, second.primary_color) == (first.logo_hash, BLUE)
    changed = await draft(academy, logo=None)
    assert (changed.id, changed.logo_hash, changed.secondary_color) == (second.id, None, GREEN)


async def test_versions_are_kept_and_rolled_back_to(academy: Academy) -> None:
    first = await published(academy, primary_color=BLUE, logo=drawing("one"))
    await published(academy, primary_color=GREEN, logo=drawing("two"))
    waiting = await draft(academy, primary_color="#000000")
    async with academy.work() as work:
        with pytest.raises(ConflictError):
            await branding.roll_back(work, first.id, version=1)
        again = await branding.roll_back(work, first.id, version=3)
        assert await branding.roll_back(work, first.id) == again
        with pytest.raises(ConflictError):
            await branding.roll_back(work, waiting.id)
    assert (await shown(academy)).primary_color == BLUE
    # each of them once, and what it was rolled back to again
    told = [row["subject_id"] for row in await academy.rows("event") if row["type"] == "branding.published"]
    assert (len(told), told.count(str(first.id))) == (3, 2)
    rows = await academy.rows("branding")
    assert sorted(row["status"] for row in rows) == ["draft", "published", "retired"]
    assert len(await academy.rows("branding_asset")) == 2


async def test_pictures_that_no_version_shows_are_forgotten(academy: Academy) -> None:
    first = await published(academy, logo=drawing("one"), favicon=drawing("one"))
    await draft(academy, logo=drawing("two"))
    await draft(academy, logo=drawing("three"))
    kept = {row["hash"] for row in await academy.rows("branding_asset")}
    assert len(kept) == 2
    assert first.logo_hash in kept
    async with academy.work(academy.anonymous(), read_only=True) as work:
        found = await branding.find_asset(work, str(first.logo_hash))
    assert found is not None
    assert (found.hash, found.media_type) == (first.favicon_hash, "image/svg+xml")


async def test_a_draft_is_given_up_with_its_pictures(academy: Academy) -> None:
    first = await published(academy, primary_color=BLUE, logo=drawing("one"))
    before = await academy.state()
    made = await draft(academy, primary_color=GREEN, logo=drawing("two"))
    async with academy.work() as work:
        with pytest.raises(ConflictError):
            await branding.discard(work, version=7)
        assert await branding.discard(work, version=1) == made
        with pytest.raises(ConflictError):
            await branding.discard(work)
    assert await academy.state() == before
    assert (await shown(academy)).logo_hash == first.logo_hash


async def test_a_stale_version_changes_nothing(academy: Academy) -> None:
    async with academy.work() as work:
        with pytest.raises(ConflictError):
            await branding.save_draft(work, BrandingChanges(primary_color=BLUE), version=1)
    await draft(academy, primary_color=BLUE)
    await draft(academy, primary_color=GREEN)
    before = await academy.state()
    async with academy.work() as work:
        with pytest.raises(ConflictError):
            await branding.save_draft(work, BrandingChanges(primary_color=BLUE), version=1)
        with pytest.raises(ConflictError):
            await branding.publish(work, version=1)
    assert await academy.state() == before


async def test_two_who_begin_or_publish_at_once_do_it_once(academy: Academy) -> None:
    begun = await asyncio.gather(
        draft(academy, primary_color=BLUE), draft(academy, primary_color=GREEN), return_exceptions=True
    )
    assert len(await academy.rows("branding")) == 1
    assert all(isinstance(each, Branding | ConflictError) for each in begun)

    async def publish() -> Branding:
        async with academy.work() as work:
            return await branding.publish(work)

    done = await asyncio.gather(publish(), publish(), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["Branding", "ConflictError"]


async def test_what_cannot_be_used_leaves_no_trace(academy: Academy, rival: Academy) -> None:
    theirs = await published(rival, primary_color=BLUE)
    before = await academy.state()
    async with academy.work() as work:
        with pytest.raises(ContrastError):
            await branding.save_draft(work, BrandingChanges(logo=drawing("x"), primary_color="#ffff00"))
        with pytest.raises(ConflictError):
            await branding.publish(work)
        for id_ in (new_id(), theirs.id):
            with pytest.raises(NotFoundError):
                await branding.roll_back(work, id_)
    assert await academy.state() == before


async def test_it_takes_the_permission_and_the_plan(academy: Academy) -> None:
    manager = academy.acting(await academy.user("manager"))
    plain = msgspec.structs.replace(academy.organization, plan="STARTER")
    await published(academy, primary_color=BLUE)
    before = await academy.state()
    for context, error in ((manager, ForbiddenError), (operator_context(plain), FeatureNotInPlanError)):
        async with academy.work(context) as work:
            for refused in (
                branding.save_draft(work, BrandingChanges()),
                branding.publish(work),
                branding.discard(work),
                branding.roll_back(work, new_id()),
            ):
                with pytest.raises(error) as told:
                    await refused
            assert work.session.statements == 0
    assert told.value.extensions() == {
        "code": "FEATURE_NOT_IN_PLAN",
        "feature": "customBranding",
        "plan": "GROWTH",
    }
    assert await academy.state() == before
    async with academy.work(operator_context(plain), read_only=True) as work:
        assert await branding.look(work) == PLAIN
    admin = academy.acting(await academy.user("admin"))
    assert admin.allows(Permission.ORGANIZATION_WRITE)
    async with academy.work(admin) as work:
        await branding.save_draft(work, BrandingChanges())


async def test_each_rule_sends_a_fixed_number_of_statements(academy: Academy) -> None:
    # each new picture: the picture, what there is of rows, its room
    await draft(academy, logo=drawing("one"), favicon=drawing("two"))
    assert academy.statements == 8
    await draft(academy, logo=drawing("three"), primary_color=BLUE)
    assert academy.statements == 6
    first = await published(academy)
    assert academy.statements == 3
    await published(academy, primary_color=GREEN)
    async with academy.work() as work:
        await branding.roll_back(work, first.id)
    assert academy.statements == 3


async def kept(academy: Academy) -> int:
    return sum(row["bytes"] for row in await academy.rows("file_ledger"))


async def test_pictures_take_room_once_and_give_it_back(academy: Academy) -> None:
    await draft(academy, logo=drawing("one"))
    one = await kept(academy)
    assert one == len(drawing_bytes("one"))
    await draft(academy, favicon=drawing("one"))
    assert await kept(academy) == one
    await draft(academy, logo=drawing("another"), favicon=None)
    assert await kept(academy) == len(drawing_bytes("another"))
    full = msgspec.structs.replace(
        academy.organization, granted=Granted(limits={"storage_bytes": 200}, shadow=False, version=1)
    )
    with pytest.raises(PlanLimitError):
        async with academy.work(operator_context(full)) as work:
            await branding.save_draft(work, BrandingChanges(logo=drawing("x" * 200)))
    assert await kept(academy) == len(drawing_bytes("another"))


def drawing_bytes(word: str) -> bytes:
    return b64decode(drawing(word))
