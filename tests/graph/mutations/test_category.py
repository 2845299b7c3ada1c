from harka.ids import NodeKind, new_id
from school import School

CREATED = """mutation ($category: ID) {
  createCourse(input: {title: "X", code: "X", categoryId: $category}) {
    course { id version courseVersion category { id name } } errors { code field } } }"""


async def test_a_course_is_put_into_a_category_and_found_there(school: School) -> None:
    sciences = school.id(NodeKind.CATEGORY, school.category)
    made = (await school.ask(CREATED, {"category": sciences})).data["createCourse"]["course"]
    assert (made["courseVersion"], made["category"]) == (0, {"id": sciences, "name": "Sciences"})
    asked = """query ($id: ID!) { courses(first: 9, filter: {categoryId: $id}) { nodes { id } }
      categories(first: 9) { nodes { id name } } category(id: $id) { version } }"""
    found = (await school.ask(asked, {"id": sciences})).data
    assert found["courses"]["nodes"] == [{"id": made["id"]}]
    assert found["categories"]["nodes"] == [{"id": sciences, "name": "Sciences"}]
    taken_out = await school.ask(
        """mutation ($id: ID!) { updateCourse(input: {id: $id, version: 1, categoryId: null}) {
        course { category { id } } } }""",
        {"id": made["id"]},
    )
    assert taken_out.data["updateCourse"]["course"] == {"category": None}


async def test_what_is_no_category_here_is_told(school: School) -> None:
    for id_, code in (
        (school.id(NodeKind.CATEGORY, new_id()), "NOT_FOUND"),
        (school.id(NodeKind.TAG, school.tag), "INVALID_ID"),
    ):
        reply = await school.ask(CREATED, {"category": id_})
        assert (reply.code, reply.field) == (code, "categoryId")


async def test_a_category_is_renamed_and_deleted(school: School) -> None:
    id_ = school.id(NodeKind.CATEGORY, school.category)
    reply = await school.ask(
        """mutation ($id: ID!) {
        a: createCategory(input: {name: " sciences "}) { category { id } errors { code field } }
        updateCategory(input: {id: $id, version: 1, name: "Arts"}) { category { name version } }
        deleteCategory(input: {categoryId: $id}) { deletedCategoryId } }""",
        {"id": id_},
    )
    assert reply.data == {
        "a": {"category": None, "errors": [{"code": "VALIDATION_FAILED", "field": "name"}]},
        "updateCategory": {"category": {"name": "Arts", "version": 2}},
        "deleteCategory": {"deletedCategoryId": id_},
    }
