from harka.ids import NodeKind
from harka.learning import content, file
from harka.learning.content import ContentDraft
from harka.learning.file import UploadDraft
from school import School

OUTLINE = """query ($id: ID!) { course(id: $id) { modules { lessons { contentItems {
  title file { name size mediaType status downloadUrl user { id } } } } } } }"""


async def test_files_of_many_items_cost_the_same(school: School) -> None:
    """Statements do not grow with the number of files."""
    course = school.courses[0]
    store = school.runtime.files
    statements = []
    for lesson in school.lessons[course.id][:2]:
        async with school.work() as work:
            for name in ("a.txt", "b.txt"):
                made = await file.create_upload(
                    work, store, UploadDraft(name=name, size=1, media_type="text/plain")
                )
                await store.write(school.organization.id, f"arriving/{made.file.id.hex}", b"x")
                done = await file.complete_upload(work, store, made.file.id)
                await content.create(work, lesson.id, ContentDraft(kind="file", title=name, file_id=done.id))
        reply = await school.ask(OUTLINE, {"id": school.id(NodeKind.COURSE, course)}, caller=school.learner)
        statements.append(reply.statements)
        modules = reply.data["course"]["modules"]
        files = [
            item["file"] for module in modules for each in module["lessons"] for item in each["contentItems"]
        ]
        assert len(files) == 2 * len(statements)
        assert {each["downloadUrl"][:7] for each in files} == {"/files/"}
        assert {each["user"] for each in map(dict, files)} == {None}, "a program's"
    assert statements[0] == statements[1]
