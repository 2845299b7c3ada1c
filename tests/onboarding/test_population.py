import pytest

from academy import Academy
from harka.onboarding import population
from harka.onboarding.curriculum import taught_courses
from harka.onboarding.dataset import Dataset, read
from harka.onboarding.partition import partition
from harka.onboarding.transcript import by_learner


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return read()


async def populate(academy: Academy, dataset: Dataset, slug: str) -> int:
    """How many statements it took."""
    part = next(each for each in partition(dataset.registrations) if each.slug == slug)
    courses = taught_courses(dataset.presentations, dataset.assessments)
    async with academy.work() as work:
        await population.populate(work, part, courses, by_learner(dataset.results))
    return academy.statements


async def test_a_tenant_is_empty_until_it_is_filled(academy: Academy, dataset: Dataset) -> None:
    async with academy.work(read_only=True) as work:
        assert await population.is_empty(work)
    await populate(academy, dataset, "ireland-ggg")
    async with academy.work(read_only=True) as work:
        assert not await population.is_empty(work)


async def test_people_and_enrollments_come_in_the_order_of_time(academy: Academy, dataset: Dataset) -> None:
    await populate(academy, dataset, "ireland-aaa")
    people = sorted(await academy.rows('"user"'), key=lambda row: row["created_at"])
    assert [row["email"].partition("@")[0] for row in people[:3]] == [
        "owner",
        "instructor-aaa-2013j",
        "instructor-aaa-2014j",
    ]
    starts = [
        row["enrolled_at"]
        for row in sorted(await academy.rows("enrollment"), key=lambda row: row["created_at"])
    ]
    assert starts == sorted(starts)
    assert len(set(starts)) == 2


async def test_a_larger_tenant_takes_no_more_statements(
    academy: Academy, rival: Academy, dataset: Dataset
) -> None:
    small = await populate(academy, dataset, "north-ggg")
    assert await populate(rival, dataset, "south-ggg") == small
    assert small <= 30
