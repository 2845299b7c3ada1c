from typing import Any

import pytest

from harka.ids import NodeKind
from school import School

FIELDS = "id kind title text url durationSeconds position version"
CREATE = f"""mutation ($input: CreateContentItemInput!) {{ createContentItem(input: $input) {{
  errors {{ code field }} contentItem {{ {FIELDS} lesson {{ version }} }} }} }}"""
UPDATE = f"""mutation ($input: UpdateContentItemInput!) {{ updateContentItem(input: $input) {{
  errors {{ code field }} contentItem {{ {FIELDS} }} }} }}"""
DELETE = """mutation ($input: DeleteContentItemInput!) { deleteContentItem(input: $input) {
  errors { code field } lesson { version contentItems { title } } } }"""
REORDER = """mutation ($input: ReorderContentItemsInput!) { reorderContentItems(input: $input) {
  errors { code field } lesson { version contentItems { title position } } } }"""


def lesson_id(school: School) -> str:
    return school.id(NodeKind.LESSON, school.lessons[school.courses[0].id][0])


async def create(school: School, **given: Any) -> Any:
    given = {"lessonId": lesson_id(school), "kind": "VIDEO", "url": "https://v.example/1", **given}
    return (await school.ask(CREATE, {"input": given})).data["createContentItem"]["contentItem"]


async def test_content_is_added_and_changed(school: School) -> None:
    made = await create(school, title="Film", durationSeconds=5)
    id_ = made.pop("id")
    assert made == {
        "kind": "VIDEO",
        "title": "Film",
        "text": "",
        "url": "https://v.example/1",
        "durationSeconds": 5,
        "position": 0,
        "version": 1,
        "lesson": {"version": 2},
    }
    given = {"id": id_, "version": 1, "durationSeconds": None, "text": "About"}
    reply = await school.ask(UPDATE, {"input": given})
    changed = reply.data["updateContentItem"]["contentItem"]
    assert (changed["title"], changed["text"], changed["durationSeconds"]) == ("Film", "About", None)
    assert (await school.ask(UPDATE, {"input": given})).code == "CONFLICT"


async def test_content_is_put_into_order_and_taken_away(school: School) -> None:
    ids = [(await create(school, title=title))["id"] for title in ("One", "Two")]
    given = {"lessonId": lesson_id(school), "version": 3, "contentItemIds": ids[::-1]}
    reply = await school.ask(REORDER, {"input": given})
    assert reply.data["reorderContentItems"]["lesson"] == {
        "version": 4,
        "contentItems": [{"title": "Two", "position": 0}, {"title": "One", "position": 1}],
    }
    gone = await school.ask(DELETE, {"input": {"contentItemId": ids[1], "version": 2}})
    assert gone.data["deleteContentItem"]["lesson"] == {"version": 5, "contentItems": [{"title": "One"}]}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"url": "javascript:alert(1)"}, "url"),
        ({"url": None}, "url"),
        ({"title": "\0"}, "title"),
        ({"lessonId": "garbage"}, "lessonId"),
        ({"durationSeconds": -1}, "durationSeconds"),
    ],
)
async def test_what_cannot_be_is_refused_by_field(school: School, given: dict[str, Any], field: str) -> None:
    whole = {"lessonId": lesson_id(school), "kind": "LINK", "title": "X", "url": "https://a.example", **given}
    reply = await school.ask(CREATE, {"input": whole})
    assert (reply.field, reply.statements) == (field, 0)
