"""Every mutation that takes a list takes as many statements for a long one as for a short one.

The schema says which these are: one that is new here fails until it is measured. Each size is measured in an
organization of its own.
"""

import dataclasses
import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    get_named_type,
)

from graph.mutations.test_quiz_attempt import RIGHT, START
from harka.graph import schema
from harka.ids import NodeKind, new_id
from harka.learning import (
    assignment,
    content,
    course,
    enrollment,
    file_record,
    group,
    group_member,
    lesson,
    module,
    quiz_question,
    tag,
    user,
)
from harka.learning.assignment import AssignmentDraft
from harka.learning.content import ContentDraft
from harka.learning.course import CourseDraft
from harka.learning.enrollment import EnrollmentEntry
from harka.learning.outline import LessonOutline, ModuleOutline
from harka.learning.quiz import QuizDraft
from harka.learning.quiz_question import QuestionDraft
from harka.learning.role import GRANTABLE
from harka.learning.user import UserDraft
from harka.repositories import domain as domains
from harka.repositories.course import Course
from harka.repositories.domain import DomainStatus
from harka.repositories.event import EventType
from harka.repositories.lesson import Lesson
from harka.repositories.user import User
from harka.storage.catalog import Catalog
from harka.storage.statement import CatalogStatement, Statement
from harka.storage.wire import Method
from harka.tenancy.permission import Permission
from onboarding.test_restore_file import NOTES, pieces
from quizzes import DRAFTS, MULTIPLE, SHORT, write
from school import OpenSchool, School

ROOT = schema.core().mutation_type
assert ROOT is not None
MUTATIONS = ROOT.fields
FEW, MANY = 2, 8
OPTIONS = [f"Option {n}" for n in range(MANY + 1)]


class Call(NamedTuple):
    """`told`: what a payload says that did it all, by the fields that it is asked for, `asked`.

    `caller`: None for a program that may do everything. `kept`: how many there are now, where no field tells.
    """

    given: dict[str, Any]
    asked: str
    told: dict[str, Any]
    caller: User | None = None
    kept: Callable[[], Awaitable[Any]] | None = None


Scenario = Callable[[School, int], Awaitable[Call]]
SCENARIOS: list[tuple[str, Scenario]] = []


def measures(path: str) -> Callable[[Scenario], Scenario]:
    def noted(scenario: Scenario) -> Scenario:
        SCENARIOS.append((path, scenario))
        return scenario

    return noted


class CountedCatalog(Catalog):
    """The same, which counts: what is asked of it stands in no record of a request."""

    def __init__(self, catalog: Catalog) -> None:
        self._database = catalog._database
        self.statements = 0

    async def _send(self, method: Method, statement: CatalogStatement, args: tuple[Any, ...]) -> Any:
        self.statements += 1
        return await super()._send(method, statement, args)


def lists(of: GraphQLInputType, path: str, within: Sequence[str] = ()) -> Iterator[str]:
    """Paths of lists at `path` and below it."""
    if isinstance(of.of_type if isinstance(of, GraphQLNonNull) else of, GraphQLList):
        yield path
    inner = get_named_type(of)
    if isinstance(inner, GraphQLInputObjectType) and inner.name not in within:
        for name, field in inner.fields.items():
            yield from lists(field.type, f"{path}.{name}", (*within, inner.name))


async def statements(school: School, path: str, scenario: Scenario, size: int) -> int:
    name = path.split(".", maxsplit=1)[0]
    call = await scenario(school, size)
    caller = call.caller or tuple(Permission)
    await school.headers(caller)
    catalog = CountedCatalog(school.runtime.catalog)
    counted = dataclasses.replace(school, runtime=msgspec.structs.replace(school.runtime, catalog=catalog))
    text = f"""mutation ($input: {MUTATIONS[name].args["input"].type}) {{
      {name}(input: $input) {{ errors {{ code field message }} {call.asked} }} }}"""
    reply = await counted.ask(text, {"input": call.given}, caller=caller)
    assert reply.data[name] == {"errors": [], **call.told}
    assert call.kept is None or await call.kept() == size
    return reply.statements + catalog.statements


async def people(school: School, size: int) -> list[User]:
    drafts = [UserDraft(email=f"m{n}@example.com", name=f"More {n}", role="learner") for n in range(size)]
    async with school.work() as work:
        return await user.create_many(work, drafts)


async def groups(school: School, size: int) -> list[str]:
    async with school.work() as work:
        return [school.id(NodeKind.GROUP, await group.create(work, name=f"Team {n}")) for n in range(size)]


async def taught(school: School, *lessons: int) -> Course:
    """A published course: how many lessons each of its modules has."""
    modules = tuple(
        ModuleOutline(f"M{place}", tuple(LessonOutline(f"L{n}") for n in range(number)))
        for place, number in enumerate(lessons)
    )
    async with school.work() as work:
        draft = CourseDraft(title="X", code=f"X-{new_id().hex}", modules=modules, published=True)
        return await course.create(work, draft)


async def modules_of(school: School, of: Course) -> list[str]:
    async with school.work() as work:
        found = (await module.by_course(work, [of.id]))[of.id]
    return [school.id(NodeKind.MODULE, each) for each in found]


async def lessons_of(school: School, of: Course) -> list[str]:
    async with school.work() as work:
        found = (await lesson.by_course(work, [of.id]))[of.id]
    return [school.id(NodeKind.LESSON, each) for each in found]


def first_lesson(school: School) -> Lesson:
    return school.lessons[school.courses[0].id][0]


def learning(school: School) -> str:
    """Of the learner, in the first course."""
    return school.id(NodeKind.ENROLLMENT, school.enrollment_of(school.learner, school.courses[0]))


def in_order(name: str, ids: Sequence[str]) -> dict[str, Any]:
    return {name: [{"id": each, "position": place} for place, each in enumerate(ids)]}


@measures("reorderModules.input.moduleIds")
async def modules_put_into_order(school: School, size: int) -> Call:
    of = await taught(school, *[1] * size)
    ids = (await modules_of(school, of))[::-1]
    given = {"courseId": school.id(NodeKind.COURSE, of), "version": of.version, "moduleIds": ids}
    return Call(given, "course { modules { id position } }", {"course": in_order("modules", ids)})


@measures("reorderLessons.input.lessonIds")
async def lessons_put_into_order(school: School, size: int) -> Call:
    of = await taught(school, size)
    (within,) = await modules_of(school, of)
    ids = (await lessons_of(school, of))[::-1]
    given = {"moduleId": within, "version": 1, "lessonIds": ids}
    return Call(given, "module { lessons { id position } }", {"module": in_order("lessons", ids)})


@measures("reorderContentItems.input.contentItemIds")
async def content_put_into_order(school: School, size: int) -> Call:
    of = first_lesson(school)
    async with school.work() as work:
        items = [
            await content.create(work, of.id, ContentDraft(kind="text", title="X", text="X"))
            for _ in range(size)
        ]
    ids = [school.id(NodeKind.CONTENT_ITEM, each) for each in reversed(items)]
    given = {"lessonId": school.id(NodeKind.LESSON, of), "version": 1 + size, "contentItemIds": ids}
    return Call(given, "lesson { contentItems { id position } }", {"lesson": in_order("contentItems", ids)})


@measures("reorderQuizQuestions.input.quizQuestionIds")
async def questions_put_into_order(school: School, size: int) -> Call:
    assert school.quiz is not None
    async with school.work() as work:
        made = [await quiz_question.create(work, school.quiz.id, MULTIPLE) for _ in range(size)]
    ids = [school.id(NodeKind.QUIZ_QUESTION, each) for each in reversed(made)]
    given = {"quizId": school.id(NodeKind.QUIZ, school.quiz), "version": 1 + size, "quizQuestionIds": ids}
    return Call(given, "quiz { questions { id position } }", {"quiz": in_order("questions", ids)})


@measures("setModuleUnlock.input.requiredModuleIds")
async def modules_required(school: School, size: int) -> Call:
    *before, last = await modules_of(school, await taught(school, *[1] * (size + 1)))
    given = {"moduleId": last, "version": 1, "requiredModuleIds": before}
    required = {"requires": [{"id": each} for each in before]}
    asked = "unlock { requires { id } } module { unlock { requires { id } } }"
    return Call(given, asked, {"unlock": required, "module": {"unlock": required}})


def outlined(modules: list[dict[str, Any]]) -> Call:
    given = {"title": "X", "code": "NEW", "modules": modules}
    return Call(given, "course { modules { title lessons { title } } }", {"course": {"modules": modules}})


@measures("createCourse.input.modules")
async def a_course_of_modules(school: School, size: int) -> Call:
    return outlined([{"title": f"M{n}", "lessons": [{"title": "L"}]} for n in range(size)])


@measures("createCourse.input.modules.lessons")
async def a_course_of_lessons(school: School, size: int) -> Call:
    return outlined([{"title": "M", "lessons": [{"title": f"L{n}"} for n in range(size)]}])


@measures("setCourseTags.input.tagIds")
async def tags_of_a_course(school: School, size: int) -> Call:
    async with school.work() as work:
        ids = [school.id(NodeKind.TAG, await tag.create(work, f"Tag {n}")) for n in range(size)]
    given = {"courseId": school.id(NodeKind.COURSE, school.courses[0]), "version": 1, "tagIds": ids}
    return Call(given, "course { tags { id } }", {"course": {"tags": [{"id": each} for each in ids]}})


def path_of(*known: str) -> Scenario:
    async def led_through_courses(school: School, size: int) -> Call:
        drafts = [CourseDraft(title="X", code=f"X-{n}") for n in range(size)]
        async with school.work() as work:
            ids = [school.id(NodeKind.COURSE, each) for each in await course.create_many(work, drafts)]
        whole = {"id": school.id(NodeKind.LEARNING_PATH, school.path), "version": 1, "title": "Path"}
        given = {**{name: whole[name] for name in known}, "courseIds": ids}
        told = {"learningPath": {"courses": [{"id": each} for each in ids]}}
        return Call(given, "learningPath { courses { id } }", told)

    return led_through_courses


measures("createLearningPath.input.courseIds")(path_of("title"))
measures("updateLearningPath.input.courseIds")(path_of("id", "version"))


@measures("addGroupMembers.input.userIds")
async def people_join_a_group(school: School, size: int) -> Call:
    (to,) = await groups(school, 1)
    ids = [school.id(NodeKind.USER, each) for each in await people(school, size)]
    told = {"added": size, "group": {"members": {"totalCount": size}}}
    return Call({"groupId": to, "userIds": ids}, "added group { members(first: 1) { totalCount } }", told)


@measures("removeGroupMembers.input.userIds")
async def people_leave_a_group(school: School, size: int) -> Call:
    assert school.group is not None
    more = await people(school, size)
    async with school.work() as work:
        await group_member.add(work, school.group.id, [each.id for each in more])
    ids = [school.id(NodeKind.USER, each) for each in more]
    told = {"removed": size, "group": {"members": {"totalCount": len(school.people)}}}
    given = {"groupId": school.id(NodeKind.GROUP, school.group), "userIds": ids}
    return Call(given, "removed group { members(first: 1) { totalCount } }", told)


@measures("bulkEnroll.input.userIds")
async def people_enrolled(school: School, size: int) -> Call:
    ids = [school.id(NodeKind.USER, each) for each in await people(school, size)]
    results = [{"user": {"id": each}, "enrollment": {"status": "ACTIVE"}} for each in ids]
    given = {"courseId": school.id(NodeKind.COURSE, school.courses[2]), "userIds": ids}
    told = {"created": size, "failed": 0, "results": results}
    return Call(given, "created failed results { user { id } enrollment { status } }", told)


@measures("bulkUsers.input.users")
async def people_made_and_changed(school: School, size: int) -> Call:
    role = {"roleId": school.id(NodeKind.CUSTOM_ROLE, school.role)}
    new = [{"email": f"new{n}@example.com", "name": f"New {n}", **role} for n in range(size)]
    known: list[dict[str, Any]] = [
        {"id": school.id(NodeKind.USER, each), "version": 1, "name": f"Other {n}"}
        for n, each in enumerate(await people(school, size))
    ]
    named = [{"user": {"name": each["name"]}} for each in (*new, *known)]
    told = {"created": size, "updated": size, "results": named}
    return Call({"users": [*new, *known]}, "created updated results { user { name } }", told)


@measures("createUser.input.managedGroupIds")
async def a_manager_of_groups(school: School, size: int) -> Call:
    given = {"email": "x@y.example", "name": "X", "role": "MANAGER"}
    told = {"user": {"managedGroups": {"totalCount": size}}}
    asked = "user { managedGroups(first: 1) { totalCount } }"
    return Call({**given, "managedGroupIds": await groups(school, size)}, asked, told)


@measures("inviteUser.input.groupIds")
async def invited_into_groups(school: School, size: int) -> Call:
    given = {"email": "x@y.example", "groupIds": await groups(school, size)}
    told = {"invitation": {"groups": [{"__typename": "Group"}] * size}}
    return Call(given, "invitation { groups { __typename } }", told)


PROMISED: Final = Statement(
    "test.promised",
    """SELECT cardinality(managed_group_ids) FROM {schema}.invitation
    WHERE tenant_id = $1 AND email = $2::text""",
)


@measures("inviteUser.input.managedGroupIds")
async def invited_to_manage_groups(school: School, size: int) -> Call:
    given = {"email": "x@y.example", "role": "MANAGER", "managedGroupIds": await groups(school, size)}

    async def promised() -> Any:
        async with school.work() as work:
            return await work.session.fetch_value(PROMISED, given["email"])

    return Call(given, "invitation { state }", {"invitation": {"state": "OPEN"}}, kept=promised)


@measures("recordProgressBatch.input.entries")
async def people_finish_a_course(school: School, size: int) -> Call:
    of = await taught(school, 1)
    (lesson_id,) = await lessons_of(school, of)
    entries = [EnrollmentEntry(user_id=each.id, course_id=of.id) for each in await people(school, size)]
    async with school.work() as work:
        ids = [school.id(NodeKind.ENROLLMENT, each) for each in await enrollment.enroll_many(work, entries)]
    given = [{"enrollmentId": each, "lessonId": lesson_id, "fraction": 1} for each in ids]
    told = {"results": [{"changed": True}] * size, "enrollments": [{"status": "COMPLETED"}] * size}
    return Call({"entries": given}, "results { changed } enrollments { status }", told)


@measures("submitAssignment.input.fileIds")
async def files_handed_in(school: School, size: int) -> Call:
    async with school.work() as work:
        draft = AssignmentDraft(title="Essay", accepts="file")
        asked = await assignment.create(work, first_lesson(school).id, draft)
        store, owner = school.runtime.files, school.learner.id
        files = [
            await file_record.record(work, store, NOTES, pieces(b"Essay"), id_=new_id(), owner=owner)
            for _ in range(size)
        ]
    ids = [school.id(NodeKind.FILE, each) for each in files]
    given = {"enrollmentId": learning(school), "assignmentId": school.id(NodeKind.ASSIGNMENT, asked)}
    told = {"submission": {"files": [{"id": each} for each in ids]}}
    return Call({**given, "fileIds": ids}, "submission { files { id } }", told, school.learner)


async def begun(school: School, *questions: QuestionDraft) -> Any:
    """An attempt of the learner's, which finishes a lesson."""
    draft = QuizDraft(title="Quiz", completes_lesson=True, shuffles_options=False)
    async with school.work() as work:
        of, _ = await write(work, first_lesson(school).id, draft, *questions)
    given = {"enrollmentId": learning(school), "quizId": school.id(NodeKind.QUIZ, of)}
    reply = await school.ask(START, {"input": given}, caller=school.learner)
    return reply.data["startQuizAttempt"]["quizAttempt"]


@measures("submitQuizAttempt.input.answers")
async def questions_answered(school: School, size: int) -> Call:
    drafts = list(itertools.islice(itertools.cycle(DRAFTS), size))
    attempt = await begun(school, *drafts)
    right: Any = itertools.cycle(RIGHT)
    answers = [
        {"quizQuestionId": question["quizQuestionId"], **answer}
        for question, answer in zip(attempt["questions"], right, strict=False)
    ]
    told = {"percent": 100.0, "questions": [{"prompt": each.prompt} for each in drafts]}
    given = {"quizAttemptId": attempt["id"], "answers": answers}
    return Call(given, "quizAttempt { percent questions { prompt } }", {"quizAttempt": told}, school.learner)


@measures("submitQuizAttempt.input.answers.choices")
async def options_chosen(school: School, size: int) -> Call:
    right = list(range(size))
    draft = QuestionDraft(kind="multiple", prompt="Which?", options=OPTIONS, correct_choices=right)
    attempt = await begun(school, draft)
    id_ = attempt["questions"][0]["quizQuestionId"]
    told = {"percent": 100.0, "questions": [{"chosen": right}]}
    given = {"quizAttemptId": attempt["id"], "answers": [{"quizQuestionId": id_, "choices": right}]}
    return Call(given, "quizAttempt { percent questions { chosen } }", {"quizAttempt": told}, school.learner)


def question_lists(size: int) -> dict[str, dict[str, Any]]:
    """By the list that grows: a whole question with so many of them."""
    return {
        "acceptedTexts": {"kind": "SHORT", "acceptedTexts": [f"Word {n}" for n in range(size)]},
        "correctChoices": {"kind": "MULTIPLE", "options": OPTIONS, "correctChoices": list(range(size))},
        "options": {"kind": "MULTIPLE", "options": OPTIONS[:size], "correctChoices": [0]},
    }


def question(grows: str, *, changed: bool) -> Scenario:
    async def written(school: School, size: int) -> Call:
        assert school.quiz is not None
        given = question_lists(size)[grows]
        whole = {"quizId": school.id(NodeKind.QUIZ, school.quiz), "prompt": "X", **given}
        if changed:
            async with school.work() as work:
                before = SHORT if given["kind"] == "SHORT" else MULTIPLE
                made = await quiz_question.create(work, school.quiz.id, before)
            whole = {"id": school.id(NodeKind.QUIZ_QUESTION, made), "version": 1, **given}
            del whole["kind"]
        return Call(whole, f"quizQuestion {{ {grows} }}", {"quizQuestion": {grows: given[grows]}})

    return written


for each in question_lists(FEW):
    measures(f"createQuizQuestion.input.{each}")(question(each, changed=False))
    measures(f"updateQuizQuestion.input.{each}")(question(each, changed=True))

PERMISSIONS = ["event:read", *sorted({*map(str, GRANTABLE)} - {"event:read"})]
# of what is one row: how it is made at first, and its lists
ROWS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "ApiKey": ({"name": "X", "scopes": PERMISSIONS[:1]}, ("networks", "scopes")),
    "Role": ({"name": "X", "permissions": PERMISSIONS[:1]}, ("permissions",)),
    "SsoConnection": (
        {"name": "X", "issuer": "https://x.example", "clientId": "x", "clientSecret": "x"},
        ("emailDomains", "roleMappings"),
    ),
    "WebhookEndpoint": ({"url": "https://x.example", "scopes": PERMISSIONS[:1]}, ("scopes", "types")),
}


async def values(school: School, grows: str, size: int) -> list[Any]:
    if grows == "networks":
        return [f"10.{n}.0.0/16" for n in range(size)]
    if grows == "roleMappings":
        return [{"role": "LEARNER", "value": f"Class {n}"} for n in range(size)]
    if grows == "types":
        return sorted(each.name for each in EventType)[:size]
    if grows != "emailDomains":
        return sorted(PERMISSIONS[:size])
    names = [f"{n}.{school.organization.slug}.example" for n in range(size)]
    catalog, tenant = school.runtime.catalog, school.organization.id
    for each in names:
        await domains.insert(catalog, new_id(), tenant, each, DomainStatus.VERIFIED, most=size)
    return names


def row(noun: str, grows: str, *, changed: bool) -> Scenario:
    async def written(school: School, size: int) -> Call:
        node, given = f"{noun[0].lower()}{noun[1:]}", ROWS[noun][0]
        if changed:
            text = f"""mutation ($input: Create{noun}Input!) {{
              create{noun}(input: $input) {{ {node} {{ id version }} }} }}"""
            given = (await school.ask(text, {"input": given})).data[f"create{noun}"][node]
        new = {grows: await values(school, grows, size)}
        asked = "roleMappings { role value }" if grows == "roleMappings" else grows
        return Call({**given, **new}, f"{node} {{ {asked} }}", {node: new})

    return written


for noun, (_, growing) in ROWS.items():
    for each in growing:
        measures(f"create{noun}.input.{each}")(row(noun, each, changed=False))
        if f"update{noun}" in MUTATIONS:
            measures(f"update{noun}.input.{each}")(row(noun, each, changed=True))


@pytest.mark.parametrize(("path", "scenario"), SCENARIOS, ids=[path for path, _ in SCENARIOS])
async def test_a_long_list_takes_as_many_statements_as_a_short_one(
    open_school: OpenSchool, path: str, scenario: Scenario
) -> None:
    few, many = [await statements(await open_school(), path, scenario, size) for size in (FEW, MANY)]
    assert few == many


def test_every_list_that_a_mutation_takes_is_measured() -> None:
    taken = {
        path
        for name, field in MUTATIONS.items()
        for argument, of in field.args.items()
        for path in lists(of.type, f"{name}.{argument}")
    }
    assert taken == {path for path, _ in SCENARIOS}
