from typing import Any

import pytest

from school import School

UPDATE = """mutation ($input: UpdateOrganizationInput!) { updateOrganization(input: $input) {
  errors { code field } organization { name locale timezone settings version } } }"""
READ = "{ organization { name locale timezone settings version } }"


async def test_what_is_given_changes_and_the_rest_stays(school: School) -> None:
    before = (await school.ask(READ)).data["organization"]
    given = {"version": 1, "name": " Łódź 😀 אקדמיה ", "settings": {"week": {"starts": 1}, "theme": "dark"}}
    told = (await school.ask(UPDATE, {"input": given})).data["updateOrganization"]["organization"]
    assert told == {**before, "name": "Łódź 😀 אקדמיה", "settings": given["settings"], "version": 2}
    id_ = school.organization.id
    await school.runtime.directory.until(lambda seen: seen.records[id_].organization.version == 2)
    assert (await school.ask(READ)).data["organization"] == told
    given = {
        "version": 2,
        "locale": "pt-BR",
        "timezone": "Europe/Berlin",
        "settings": {"theme": None, "x": []},
    }
    told = (await school.ask(UPDATE, {"input": given})).data["updateOrganization"]["organization"]
    assert (told["locale"], told["timezone"], told["version"]) == ("pt-BR", "Europe/Berlin", 3)
    assert told["settings"] == {"week": {"starts": 1}, "x": []}
    again = (await school.ask(UPDATE, {"input": {"version": 3}})).data["updateOrganization"]["organization"]
    assert again["version"] == 3


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"locale": "portuguese!"}, "locale"),
        ({"locale": "x" * 400}, "locale"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"settings": None}, "settings"),
        ({"settings": [1]}, "settings"),
        ({"settings": "x"}, "settings"),
        ({"settings": {"a\0": 1}}, "settings"),
        ({"settings": {"a": ["\0"]}}, "settings"),
        ({"settings": {"a": 2**64}}, "settings"),
        ({"settings": {"mail": {"senderName": "A\nBcc: x@evil.example"}}}, "settings"),
        ({"settings": {"a": 1e300}}, "settings"),
        ({"settings": {"a": "x" * 20_000}}, "settings"),
        ({"settings": nested(9)}, "settings"),
    ],
)
async def test_bad_input_changes_nothing(school: School, given: dict[str, Any], field: str) -> None:
    reply = await school.ask(UPDATE, {"input": {"version": 1, **given}})
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", field)
    await school.runtime.directory.reread(school.organization.id)
    assert (await school.ask(READ)).data["organization"]["version"] == 1


async def test_a_stale_version_is_a_conflict(school: School) -> None:
    assert (await school.ask(UPDATE, {"input": {"version": 7, "name": "X"}})).code == "CONFLICT"
    await school.ask(UPDATE, {"input": {"version": 1, "name": "One"}})
    assert (await school.ask(UPDATE, {"input": {"version": 1, "name": "Two"}})).code == "CONFLICT"
