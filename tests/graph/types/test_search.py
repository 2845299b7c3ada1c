from typing import Any

import pytest

from harka.graph.types import search as types
from harka.ids import NodeKind
from harka.learning import course, search
from harka.learning.course import CourseDraft
from harka.learning.outline import LessonOutline, ModuleOutline
from school import School

EVERYTHING = """query ($query: String!, $first: Int!, $after: String, $kinds: [SearchKind!]) {
  search(query: $query, first: $first, after: $after, kinds: $kinds) {
    totalCount pageInfo { hasNextPage endCursor }
    nodes { kind score user { id } course { id code } lesson { id title course { id } } } } }"""


async def searched(school: School, query: str, *, caller: Any = None, **values: Any) -> Any:
    asked = {"query": query, "first": 10, **values}
    reply = await school.ask(EVERYTHING, asked, caller=caller or school.owner)
    return reply.data["search"]


@pytest.fixture
async def fern(school: School) -> course.Course:
    """A draft and its lesson, both called Fern."""
    outline = (ModuleOutline("M", (LessonOutline("Fern"),)),)
    async with school.work() as work:
        return await course.create(work, CourseDraft(title="Fern", code="F", modules=outline))


async def test_each_kind_is_found_in_its_field(school: School, fern: course.Course) -> None:
    id_ = school.id(NodeKind.COURSE, fern)
    by_kind = {hit["kind"]: hit for hit in (await searched(school, "fern"))["nodes"]}
    assert by_kind.keys() == {"COURSE", "LESSON"}
    assert by_kind["COURSE"]["course"] == {"id": id_, "code": "F"}
    assert by_kind["LESSON"]["lesson"]["course"] == {"id": id_}
    assert by_kind["LESSON"]["user"] is None
    assert by_kind["LESSON"]["score"] == 1
    found = await searched(school, "person", kinds=["USER"])
    assert {hit["user"]["id"] for hit in found["nodes"]} == {
        school.id(NodeKind.USER, person) for person in school.people
    }


async def test_no_more_than_the_best_are_counted_and_that_is_told(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '{ search(query: "course", first: 1) { totalCount isCapped } }'
    every = (await school.ask(text)).data["search"]
    assert every == {"totalCount": 4, "isCapped": False}
    for room in (search, types):
        monkeypatch.setattr(room, "MOST_HITS", 3)
    assert (await school.ask(text)).data["search"] == {"totalCount": 3, "isCapped": True}


async def test_a_learner_finds_neither_people_nor_drafts(school: School, fern: course.Course) -> None:
    assert (await searched(school, "person", caller=school.learner))["totalCount"] == 0
    assert (await searched(school, fern.title, caller=school.learner))["totalCount"] == 0
    assert (await searched(school, "course", caller=school.learner))["totalCount"] == len(school.courses)


async def test_the_list_goes_on_after_the_first_page(school: School) -> None:
    first = await searched(school, "cuorse", first=3)
    second = await searched(school, "cuorse", first=3, after=first["pageInfo"]["endCursor"])
    assert (len(first["nodes"]), len(second["nodes"])) == (3, 1)
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)
    assert first["totalCount"] == second["totalCount"] == 4
    cursor = first["pageInfo"]["endCursor"]
    reply = await school.ask(EVERYTHING, {"query": "course", "first": 3, "after": cursor})
    assert reply.code == "INVALID_CURSOR"


async def test_a_search_costs_the_same_whatever_it_finds(school: School) -> None:
    few = await school.ask(EVERYTHING, {"query": "second", "first": 1})
    many = await school.ask(EVERYTHING, {"query": "second", "first": 50})
    assert (len(few.data["search"]["nodes"]), len(many.data["search"]["nodes"])) == (1, 8)
    # the words, what has them; lessons and their courses
    assert few.statements == many.statements == 4


@pytest.mark.parametrize(
    ("values", "field"),
    [({"query": "x" * 201}, "query"), ({"query": "a\0"}, "query"), ({"query": "x", "kinds": []}, "kinds")],
)
async def test_what_cannot_be_searched_is_refused(school: School, values: Any, field: str) -> None:
    reply = await school.ask(EVERYTHING, {"first": 1, **values})
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", field)
