from typing import Any

import pytest

from academy import Academy, academy, academy_settings, parts
from harka.learning import group, user
from harka.learning.user import UserDraft
from harka.repositories import scim_group, scim_user
from harka.repositories.scim_condition import Fixed
from harka.repositories.scim_list import Asked, ScimList

__all__ = ["academy", "academy_settings", "parts"]

LISTS: dict[str, ScimList[Any]] = {"user": scim_user.LISTED, "group": scim_group.LISTED}


@pytest.fixture(autouse=True)
async def some(academy: Academy) -> None:
    """Five of each, made in an order that is not that of their names."""
    names = ("Bert", "Ada", "Eve", "Cid", "Dan")
    async with academy.work() as work:
        drafts = [UserDraft(email=f"{name}@some.example", name=name, role="learner") for name in names]
        await user.create_many(work, drafts)
        for name in names:
            await group.create(work, name=name)


@pytest.mark.parametrize(
    ("noun", "by"), [(noun, by) for noun, listed in LISTS.items() for by in listed.sorted_by]
)
async def test_every_order_runs_both_ways(academy: Academy, noun: str, by: str) -> None:
    up, down = [await shown(academy, noun, Asked(first=1000, by=by, descending=way)) for way in (False, True)]
    assert len(up) == 5
    assert up == down[::-1]


@pytest.mark.parametrize("noun", LISTS)
async def test_pages_follow_each_other_and_each_tells_how_many_match(academy: Academy, noun: str) -> None:
    whole = await shown(academy, noun, Asked(first=1000))
    pages = [await shown(academy, noun, Asked(offset=at, first=2)) for at in range(0, len(whole), 2)]
    assert [each for page in pages for each in page] == whole
    async with academy.work(read_only=True) as work:
        for asked in (Asked(first=0), Asked(offset=len(whole), first=9), Asked(offset=1, first=1)):
            assert (await LISTS[noun].find(work.session, asked)).total == len(whole)
        none = await LISTS[noun].find(work.session, Asked(condition=Fixed(holds=False), first=9))
    assert (list(none.rows), none.total) == ([], 0)


def test_the_same_question_is_the_same_statement() -> None:
    """Connections know by the object what they have prepared."""
    one, again = [scim_user.LISTED.page_statement("true", "id", descending=False) for _ in range(2)]
    assert one is again
    assert scim_user.LISTED.page_statement("true", "id", descending=True) is not one


async def shown(academy: Academy, noun: str, asked: Asked) -> list[Any]:
    async with academy.work(read_only=True) as work:
        return [row.id for row in (await LISTS[noun].find(work.session, asked)).rows]
