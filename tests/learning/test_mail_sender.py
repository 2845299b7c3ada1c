"""By which server of its own an organization's e-mails go out, and from when on."""

from typing import Any

import msgspec
import pytest

from academy import Academy
from harka.config import Settings
from harka.errors import (
    ConflictError,
    FeatureNotInPlanError,
    ForbiddenError,
    NotFoundError,
    ValidationError,
)
from harka.learning import mail_sender
from harka.learning.mail import Kind
from harka.learning.mail_sender import Own, SenderDraft, Tried
from harka.learning.outside import Outside
from harka.learning.work import unit_of_work
from harka.queue.message import SEND_MAIL
from harka.repositories.user import User
from harka.storage.catalog import Catalog
from harka.tenancy.dns import Dns

KEY = bytes(32)
# nothing is asked of the catalog
OUTSIDE = Outside(Catalog(Settings(database_url="postgresql://localhost/nobody")), Dns(""), "harka.localhost")
DRAFT = SenderDraft(
    address="hello@acme.example",
    host="SMTP.acme.example",
    port=587,
    start_tls=True,
    username="acme",
    password="brass otter",
)


async def put(academy: Academy, boss: User, *, version: int | None = None, **values: Any) -> Tried:
    draft = msgspec.structs.replace(DRAFT, **values)
    parts = academy.parts
    async with unit_of_work(
        parts.databases,
        parts.cache,
        parts.pubsub,
        academy.acting(boss),
        read_only=False,
        timeout=20.0,
        outside=OUTSIDE,
    ) as work:
        return await mail_sender.put(work, draft, version=version, seal_key=KEY)


async def server_for(academy: Academy, kind: Kind) -> Own | None:
    async with academy.work(read_only=True) as work:
        return await mail_sender.server_for(work, kind, seal_key=KEY)


async def note(academy: Academy, own: Own, error: str | None) -> None:
    async with academy.work() as work:
        await mail_sender.note(work, own, error)


async def test_it_is_used_once_something_has_gone_out_by_it(academy: Academy) -> None:
    boss = await academy.user("admin")
    tried = await put(academy, boss)
    assert (tried.mail_sender.host, tried.mail_sender.verified_at) == ("smtp.acme.example", None)
    (job,) = await academy.rows("job")
    assert (job["type"], job["payload"]["kind"], job["payload"]["about"]) == (
        SEND_MAIL,
        "test",
        str(boss.id),
    )
    assert await server_for(academy, Kind.INVITATION) is None
    own = await server_for(academy, Kind.TEST)
    assert own is not None
    assert (own.server.password, own.is_well) == ("brass otter", False)
    await note(academy, own, "535")
    assert await server_for(academy, Kind.INVITATION) is None
    await note(academy, own, None)
    used = await server_for(academy, Kind.INVITATION)
    assert used is not None
    assert used.is_well
    # what is wrong may be that it is
    assert await server_for(academy, Kind.ALERT) is None
    await note(academy, used, "away")
    again = await server_for(academy, Kind.INVITATION)
    assert again is not None
    assert not again.is_well
    (row,) = await academy.rows("mail_sender")
    assert (row["error"], row["failing_since"] is None) == ("away", False)


async def test_under_a_plan_without_it_it_waits(academy: Academy) -> None:
    await put(academy, await academy.user("admin"))
    own = await server_for(academy, Kind.TEST)
    assert own is not None
    await note(academy, own, None)
    poor = msgspec.structs.replace(academy.organization, features={"custom_branding": False})
    assert await server_for(Academy(academy.parts, poor), Kind.INVITATION) is None
    assert await server_for(academy, Kind.INVITATION) is not None


async def test_what_is_set_anew_is_tried_anew_whatever_came_of_the_one_before(academy: Academy) -> None:
    boss = await academy.user("owner")
    first = await put(academy, boss)
    before = await server_for(academy, Kind.TEST)
    assert before is not None
    await note(academy, before, None)
    second = await put(academy, boss, host="other.acme.example", version=first.mail_sender.version)
    assert second.mail_sender.id == first.mail_sender.id
    await note(academy, before, None)
    assert await server_for(academy, Kind.INVITATION) is None
    with pytest.raises(ConflictError):
        await put(academy, boss, version=first.mail_sender.version)


async def test_its_password_is_sealed_and_never_shown(academy: Academy) -> None:
    tried = await put(academy, await academy.user("admin"))
    (row,) = await academy.rows("mail_sender")
    assert b"brass otter".hex() not in str(row)
    assert "brass" not in f"{tried}{DRAFT!r}"


async def test_without_it_the_platforms_server_sends(academy: Academy) -> None:
    boss = await academy.user("admin")
    made = (await put(academy, boss)).mail_sender
    async with academy.work(academy.acting(boss)) as work:
        with pytest.raises(ConflictError):
            await mail_sender.delete(work, version=9)
        assert await mail_sender.find_many(work, [made.id]) == [made]
        assert await mail_sender.delete(work) == made.id
        assert await mail_sender.find_many(work, [made.id]) == [None]
        with pytest.raises(NotFoundError):
            await mail_sender.delete(work)
        with pytest.raises(NotFoundError):
            await mail_sender.try_out(work)
    assert await server_for(academy, Kind.TEST) is None


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("address", "hello"),
        ("host", "10.0.0.1"),
        ("host", "localhost"),
        ("host", "smtp.acme.example/x"),
        ("port", 25),
        ("port", 6379),
        ("username", "a\r\nb"),
        ("password", ""),
    ],
)
async def test_what_cannot_be_is_refused(academy: Academy, field: str, given: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        await put(academy, await academy.user("admin"), **{field: given})
    assert caught.value.field == field
    assert await academy.rows("mail_sender") == []


async def test_it_is_for_who_may_change_the_organization_where_the_plan_has_it(academy: Academy) -> None:
    with pytest.raises(ForbiddenError):
        await put(academy, await academy.user("manager"))
    poor = msgspec.structs.replace(academy.organization, features={"custom_branding": False})
    with pytest.raises(FeatureNotInPlanError):
        await put(Academy(academy.parts, poor), await academy.user("admin"))
    async with Academy(academy.parts, poor).work() as work:
        with pytest.raises(FeatureNotInPlanError):
            await mail_sender.try_out(work)
    async with academy.work() as work:
        with pytest.raises(ValidationError, match="for people"):
            await mail_sender.try_out(work)
