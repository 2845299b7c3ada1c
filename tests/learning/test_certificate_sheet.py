from base64 import b64encode
from uuid import UUID

import msgspec
import pytest

from academy import Academy
from harka.errors import NotFoundError
from harka.ids import new_id
from harka.learning import branding, certificate, progress
from harka.learning.branding import BrandingChanges
from harka.learning.certificate_sheet import Sheet, sheet
from harka.repositories.user import User
from harka.tenancy.context import TenantContext, operator_context

DRAWING = '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"></path></svg>'


async def awarded(academy: Academy) -> tuple[User, UUID]:
    """A learner, and the id of their certificate."""
    learner, course = await academy.user(), await academy.course(certifies=True)
    enrolled = await academy.enrollment(learner, course)
    async with academy.work() as work:
        for lesson in await academy.lessons(course):
            await progress.record(work, enrollment_id=enrolled.id, lesson_id=lesson.id, fraction=1.0)
        (found,) = await certificate.list_page(work, user_id=learner.id, after=None, first=2)
    return learner, found.id


async def printed(academy: Academy, id_: UUID, context: TenantContext | None = None) -> Sheet:
    async with academy.work(context or academy.anonymous(), read_only=True) as work:
        return await sheet(work, id_, "harka.ai")


async def brand(academy: Academy, content: bytes) -> None:
    async with academy.work() as work:
        look = BrandingChanges(primary_color="#1d4ed8", logo=b64encode(content).decode())
        await branding.save_draft(work, look)
        await branding.publish(work)


async def test_it_says_what_the_certificate_says(academy: Academy) -> None:
    _, id_ = await awarded(academy)
    made = await printed(academy, id_)
    assert academy.statements == 2
    assert made.data["holder"] == "Ada"
    assert (made.data["organization"], made.data["course"]) == ("Academy", "A course")
    assert made.data["proof"] == f"{made.serial} · {academy.organization.slug}.harka.ai"
    issued, _, expires = made.data["dates"].partition(" to ")
    assert issued == made.issued_at.date().isoformat() < expires
    assert (made.data["primary_color"], made.data["logo"]) == ("#1f2937", None)


async def test_it_has_the_colours_and_the_logo_that_are_published(academy: Academy) -> None:
    _, id_ = await awarded(academy)
    await brand(academy, DRAWING.encode())
    made = await printed(academy, id_)
    assert academy.statements == 3
    assert (made.data["primary_color"], made.data["logo"]) == ("#1d4ed8", DRAWING)
    picture = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\1\0\0\0\1"
    await brand(academy, picture)
    assert (await printed(academy, id_)).data["logo"] == list(picture)
    plain = msgspec.structs.replace(academy.organization, plan="STARTER")
    assert (await printed(academy, id_, operator_context(plain))).data["logo"] is None


async def test_days_are_those_where_the_organization_is(academy: Academy) -> None:
    _, id_ = await awarded(academy)
    days = set()
    for zone in ("Pacific/Kiritimati", "Pacific/Niue"):
        there = msgspec.structs.replace(academy.organization, timezone=zone)
        days.add((await printed(academy, id_, operator_context(there))).data["dates"])
    # 25 hours apart: never the same day
    assert len(days) == 2


async def test_what_is_revoked_absent_or_anothers_is_not_printed(academy: Academy, rival: Academy) -> None:
    _, id_ = await awarded(academy)
    for of, asked in ((rival, id_), (academy, new_id())):
        with pytest.raises(NotFoundError):
            await printed(of, asked)
    async with academy.work() as work:
        await certificate.revoke(work, id_, "Copied")
    with pytest.raises(NotFoundError):
        await printed(academy, id_)


async def test_it_speaks_the_language_of_the_organization(academy: Academy) -> None:
    _, id_ = await awarded(academy)
    french = msgspec.structs.replace(academy.organization, locale="fr-CA")
    made = await printed(academy, id_, operator_context(french))
    assert (made.data["language"], made.data["heading"]) == ("fr", "Certificat de réussite")
    assert " au " in made.data["dates"]
