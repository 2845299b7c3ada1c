from typing import Any

import httpx2
import pytest

from harka.ids import NodeKind, new_id
from harka.repositories.user import User
from school import School

CREATE = """mutation ($input: CreateUploadInput!) { createUpload(input: $input) {
  errors { code field } url expiresAt
  file { id name size mediaType status downloadUrl version user { id } } } }"""
COMPLETE = """mutation ($input: CompleteUploadInput!) { completeUpload(input: $input) {
  errors { code field } file { id status downloadUrl version } } }"""
DELETE = """mutation ($input: DeleteFileInput!) { deleteFile(input: $input) {
  errors { code field } deletedFileId } }"""
CONTENT = """mutation ($input: CreateContentItemInput!) { createContentItem(input: $input) {
  errors { code field } contentItem { id kind url file { id name } } } }"""
CHANGE = """mutation ($input: UpdateContentItemInput!) { updateContentItem(input: $input) {
  errors { code field } contentItem { file { id } } } }"""
NODE = "query ($id: ID!) { node(id: $id) { ... on File { name size downloadUrl } } }"
STORAGE = "{ analytics { metrics { storage { used } } } }"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


async def http(school: School, method: str, url: str, **options: Any) -> httpx2.Response:
    """As a browser would: without credentials."""
    transport = httpx2.ASGITransport(school.app)
    async with httpx2.AsyncClient(transport=transport, base_url=f"http://{school.host}") as client:
        return await client.request(method, url, **options)


async def begin(school: School, caller: User, **given: Any) -> Any:
    given = {"name": "Map.png", "size": len(PNG), "mediaType": "image/png", **given}
    return (await school.ask(CREATE, {"input": given}, caller=caller)).data["createUpload"]


async def uploaded(school: School, caller: User) -> Any:
    begun = await begin(school, caller)
    assert (await http(school, "PUT", begun["url"], content=PNG)).status_code == 204
    given = {"input": {"fileId": begun["file"]["id"]}}
    return (await school.ask(COMPLETE, given, caller=caller)).data["completeUpload"]["file"]


async def test_an_author_uploads_a_file_and_a_learner_reads_it(school: School) -> None:
    begun = await begin(school, school.owner)
    assert begun["file"] == {
        "id": begun["file"]["id"],
        "name": "Map.png",
        "size": len(PNG),
        "mediaType": "image/png",
        "status": "PENDING",
        "downloadUrl": None,
        "version": 1,
        "user": {"id": school.id(NodeKind.USER, school.owner)},
    }
    assert (await http(school, "PUT", begun["url"], content=PNG)).status_code == 204
    id_ = begun["file"]["id"]
    done = (await school.ask(COMPLETE, {"input": {"fileId": id_}}, caller=school.owner)).data
    assert (done["completeUpload"]["file"]["status"], done["completeUpload"]["file"]["version"]) == (
        "READY",
        2,
    )
    assert (await school.ask(NODE, {"id": id_}, caller=school.learner)).data == {"node": None}

    lesson = school.id(NodeKind.LESSON, school.lessons[school.courses[0].id][0])
    given = {"lessonId": lesson, "kind": "FILE", "title": "A map", "fileId": id_}
    item = (await school.ask(CONTENT, {"input": given}, caller=school.owner)).data["createContentItem"]
    assert item["contentItem"]["file"] == {"id": id_, "name": "Map.png"}
    seen = (await school.ask(NODE, {"id": id_}, caller=school.learner)).data["node"]
    answer = await http(school, "GET", seen["downloadUrl"])
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == 'attachment; filename="Map.png"'


async def test_storage_is_measured_as_soon_as_room_is_taken(school: School) -> None:
    async def used() -> float:
        measured: float = (await school.ask(STORAGE)).data["analytics"]["metrics"]["storage"]["used"]
        return measured

    before = await used()
    begun = await begin(school, school.learner, size=1_000_000)
    assert await used() == before + 1_000_000
    given = {"input": {"fileId": begun["file"]["id"], "version": 1}}
    gone = await school.ask(DELETE, given, caller=school.learner)
    assert gone.data["deleteFile"]["deletedFileId"] == begun["file"]["id"]
    assert await used() == before


async def test_what_is_not_what_was_said_is_told_beside_its_field(school: School) -> None:
    begun = await begin(school, school.learner, size=5)
    given = {"input": {"fileId": begun["file"]["id"]}}
    reply = await school.ask(COMPLETE, given, caller=school.learner)
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", "fileId")
    assert (await http(school, "PUT", begun["url"], content=b"Hello")).status_code == 204
    reply = await school.ask(COMPLETE, given, caller=school.learner)
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", "fileId")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": "\0"}, "name"),
        ({"name": "x" * 300}, "name"),
        ({"size": 0}, "size"),
        ({"mediaType": "text/html"}, "mediaType"),
    ],
)
async def test_bad_input_is_refused_by_field(school: School, given: dict[str, Any], field: str) -> None:
    whole = {"name": "👋 שלום.png", "size": 5, "mediaType": "image/png", **given}
    reply = await school.ask(CREATE, {"input": whole})
    assert (reply.code, reply.field, reply.statements) == ("VALIDATION_FAILED", field, 0)


async def test_anothers_file_is_like_one_that_is_not_there(school: School) -> None:
    own, absent = await uploaded(school, school.learner), school.id(NodeKind.FILE, new_id())
    refused = []
    for id_ in (own["id"], absent):
        for document, given in (
            (COMPLETE, {"fileId": id_}),
            (DELETE, {"fileId": id_, "version": 2}),
            (CHANGE, {"id": school.id(NodeKind.CONTENT_ITEM, new_id()), "version": 1, "fileId": id_}),
        ):
            reply = await school.ask(document, {"input": given}, caller=school.owner)
            refused.append((reply.code, reply.field))
        assert (await school.ask(NODE, {"id": id_}, caller=school.other)).data == {"node": None}
    assert refused[:3] == refused[3:]
    assert (await school.ask(COMPLETE, {"input": {"fileId": "x"}})).code == "INVALID_ID"


async def test_a_stale_version_deletes_nothing(school: School) -> None:
    own = await uploaded(school, school.learner)
    given = {"input": {"fileId": own["id"], "version": 1}}
    assert (await school.ask(DELETE, given, caller=school.learner)).code == "CONFLICT"
    assert (await http(school, "GET", own["downloadUrl"])).content == PNG


async def test_the_file_of_an_item_is_changed(school: School) -> None:
    one, two = await uploaded(school, school.owner), await uploaded(school, school.owner)
    lesson = school.id(NodeKind.LESSON, school.lessons[school.courses[0].id][0])
    given = {"lessonId": lesson, "kind": "FILE", "title": "X", "fileId": one["id"]}
    made = (await school.ask(CONTENT, {"input": given}, caller=school.owner)).data["createContentItem"]
    item = {"id": made["contentItem"]["id"], "version": 1}
    reply = await school.ask(CHANGE, {"input": {**item, "fileId": None}}, caller=school.owner)
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", "fileId")
    reply = await school.ask(CHANGE, {"input": {**item, "fileId": two["id"]}}, caller=school.owner)
    assert reply.data["updateContentItem"]["contentItem"] == {"file": {"id": two["id"]}}


FILES = """query ($first: Int!, $after: String, $filter: FileFilter, $by: FileOrderBy) {
  files(first: $first, after: $after, filter: $filter, orderBy: $by) {
    totalCount nodes { name size mediaType status user { id } } pageInfo { endCursor hasNextPage } } }"""
UPLOAD = """mutation ($name: String!, $size: Int!) {
  createUpload(input: {name: $name, size: $size, mediaType: "text/plain"}) { file { id } } }"""


async def test_files_are_listed_by_size_page_by_page(school: School) -> None:
    ids = {}
    for name, size in (("a.txt", 3), ("b.txt", 2), ("c.txt", 1)):
        made = await school.ask(UPLOAD, {"name": name, "size": size}, caller=school.instructor)
        ids[name] = made.data["createUpload"]["file"]["id"]
    asked = {"first": 2, "by": {"field": "SIZE"}, "filter": {"mediaType": "text/", "status": "PENDING"}}
    page = (await school.ask(FILES, asked, caller=school.owner)).data["files"]
    assert (page["totalCount"], [node["name"] for node in page["nodes"]]) == (3, ["c.txt", "b.txt"])
    after = {"after": page["pageInfo"]["endCursor"]}
    rest = (await school.ask(FILES, {**asked, **after}, caller=school.owner)).data["files"]
    assert [node["name"] for node in rest["nodes"]] == ["a.txt"]
    assert (await school.ask(FILES, {**asked, **after, "first": 1, "by": None})).code == "INVALID_CURSOR"
    assert (await school.ask(FILES, {"first": 9}, caller=school.learner)).data["files"]["totalCount"] == 0
    one = f'{{ file(id: "{ids["a.txt"]}") {{ size }} }}'
    assert (await school.ask(one, caller=school.owner)).data["file"] == {"size": 3}
    assert (await school.ask(one, caller=school.learner)).data["file"] is None
