from harka.ids import NodeKind
from harka.learning import content, unlock
from harka.learning.content import ContentDraft
from harka.learning.unlock import UnlockRules
from school import School

OUTLINE = """query ($id: ID!) { course(id: $id) { modules { lessons {
  contentItems { kind title url } } } } }"""


async def test_locked_content_is_for_authors_only_by_whatever_way(school: School) -> None:
    course = school.courses[0]
    begin, _, end, _ = school.lessons[course.id]
    async with school.work() as work:
        drafts = [
            ContentDraft(kind="link", title=each.title, url="https://a.example") for each in (begin, end)
        ]
        items = [
            await content.create(work, each.id, draft)
            for each, draft in zip((begin, end), drafts, strict=True)
        ]
        await unlock.set_rules(work, end.module_id, UnlockRules(requires=[begin.module_id]), version=1)
    id_, hidden = school.id(NodeKind.COURSE, course), school.id(NodeKind.CONTENT_ITEM, items[1])

    async def seen(caller: object) -> list[int]:
        reply = await school.ask(OUTLINE, {"id": id_}, caller=caller)  # type: ignore[arg-type]  # a person
        assert reply.statements == (6 if caller is school.learner else 4)
        modules = reply.data["course"]["modules"]
        return [len(lesson["contentItems"]) for module in modules for lesson in module["lessons"]]

    assert await seen(school.learner) == [1, 0, 0, 0]
    assert await seen(school.owner) == [1, 0, 1, 0]
    node = f'{{ node(id: "{hidden}") {{ ... on ContentItem {{ title }} }} }}'
    assert (await school.ask(node, caller=school.learner)).data == {"node": None}
    assert (await school.ask(node, caller=school.owner)).data == {"node": {"title": "First"}}
