"""What a job asks for is answered as at `/graphql`, costs as much, and leaves enough to others."""

import asyncio

import msgspec
import pytest

from academy import Academy
from harka.errors import RateLimitedError, UnavailableError
from harka.graph.asking import asker
from harka.learning.asking import Reply
from harka.repositories.organization import Granted
from harka.runtime import Runtime
from harka.tenancy.plan import Resource
from harka.tenancy.quota import Admission, Level
from harka.worker.reply import AskedError, data_of, pause_after

NAMES = "query ($first: Int!) { users(first: $first) { nodes { name } } }"


async def test_data_are_as_a_client_would_get_them(runtime: Runtime, academy: Academy) -> None:
    context = academy.acting(await academy.user("admin"))
    reply = await asker(runtime)(context, NAMES, {"first": 9})
    assert data_of(reply) == {"users": {"nodes": [{"name": "Ada"}]}}


async def test_without_points_it_is_for_later(runtime: Runtime, academy: Academy) -> None:
    granted = Granted({"points": 300, "points_per_second": 1.0}, shadow=False, version=1)
    poor = Academy(academy.parts, msgspec.structs.replace(academy.organization, granted=granted))
    context = poor.acting(await academy.user("admin"))
    ask = asker(msgspec.structs.replace(runtime, admission=Admission()))
    replies = await asyncio.gather(*(ask(context, NAMES, {"first": 60}) for _ in range(9)))
    with pytest.raises(RateLimitedError) as refused:
        [data_of(each) for each in replies]
    assert refused.value.retry_after > 0


@pytest.mark.parametrize(
    ("role", "text", "code"),
    [
        ("learner", "{ events(first: 1) { totalCount } }", "FORBIDDEN"),
        ("admin", "{ users(first: 1) { nodes { shoeSize } } }", "GRAPHQL_VALIDATION_FAILED"),
        ("admin", '{ users(first: 1, after: "x") { nodes { id } } }', "INVALID_CURSOR"),
    ],
    ids=["permission", "document", "field"],
)
async def test_what_is_refused_is_refused_by_its_code(
    runtime: Runtime, academy: Academy, role: str, text: str, code: str
) -> None:
    reply = await asker(runtime)(academy.acting(await academy.user(role)), text, {})
    with pytest.raises(AskedError) as refused:
        data_of(reply)
    assert refused.value.code == code


def test_what_may_pass_is_tried_again() -> None:
    errors = [{"message": "Down.", "extensions": {"code": "DEADLINE_EXCEEDED"}}]
    with pytest.raises(UnavailableError, match="Down"):
        data_of(Reply({"errors": errors, "data": None}))


@pytest.mark.parametrize(("used", "pause"), [(10, 0), (50, 0), (80, 3), (100, 5)])
def test_half_of_the_points_are_left_to_others(used: float, pause: float) -> None:
    levels = [Level(Resource.CPU, 1, 1), Level(Resource.POINTS_PER_SECOND, used, 100)]
    assert pause_after(levels, points_per_second=10) == pause
