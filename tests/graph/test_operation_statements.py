"""How many SQL statements each operation takes, exactly; those that answer many rows take no more for more.

Each in an organization of its own, of which nothing is cached yet. A number that changes here is looked at:
mend it, or write it down.
"""

from typing import Any

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
)

from calls import CALLS
from graph.test_permission import call
from harka.graph import schema
from harka.learning import (
    category,
    course,
    enrollment,
    group,
    group_member,
    invitation,
    path,
    role,
    tag,
    user,
)
from harka.learning.course import CourseDraft
from harka.learning.enrollment import EnrollmentEntry
from harka.learning.invitation import InvitationDraft
from harka.learning.outline import LessonOutline, ModuleOutline
from harka.learning.path import PathDraft
from harka.learning.user import UserDraft
from school import OpenSchool, School

ROOT = schema.core().type_map["Query"]
assert isinstance(ROOT, GraphQLObjectType)
# the shortest call of each that gets past its arguments, by who may do everything
TAKES: dict[int, tuple[str, ...]] = {
    0: (
        *("activateDomain", "addDomain", "apiKeys", "changePassword", "confirmTotp"),
        *("createApiKey", "createScimToken", "domains", "enrollViewer"),
        *("organization", "passkeys", "removeDomain", "revokeApiKey", "revokeScimToken"),
        *("rotateApiKey", "scimTokens", "sessions", "setMailSender", "setMailSubscription"),
        *("setUpTotp", "testMailSender", "testSsoConnection", "unenrollViewer"),
        *("updateOrganization", "updateViewer", "verifyDomain"),
    ),
    1: (
        *("archiveCourse", "bulkChange", "bulkOperation", "bulkUsers", "cancelBulkOperation"),
        *("cancelJob", "category", "completeUpload", "course", "createCategory", "createCourse"),
        *("createRole", "createTag", "createUser", "customRole", "deleteAssignment"),
        *("deleteCategory", "deleteContentItem", "deleteFile", "deletePasskey"),
        *("deleteQuizQuestion", "deleteTag", "disableSso", "discardBranding", "enforceSso"),
        *("event", "file", "finishSsoKeyRotation", "gradeSubmission", "group", "invitation"),
        *(
            "issueCertificate",
            "job",
            "learningPath",
            "mailSender",
            "node",
            "nodes",
            "publishBranding",
            "quiz",
        ),
        *("reactivateUser", "replayWebhook", "retryWebhookDeliveries", "revokeInvitation"),
        *("revokeSession", "rollBackBranding", "rotateSsoKey", "submitQuizAttempt", "tag"),
        *("testWebhookEndpoint", "updateAssignment", "updateCategory", "updateContentItem"),
        *("updateCourse", "updateEnrollment", "updatePasskey", "updateQuizQuestion", "updateTag"),
        *("updateWebhookEndpoint", "user", "webhookDelivery", "webhookEndpoint"),
    ),
    2: (
        *("archiveLearningPath", "assignManager", "brandings", "bulkChangeResults", "bulkChanges"),
        *("bulkOperations", "categories", "certificates", "courses"),
        *("createGroup", "createLearningPath", "createPasswordReset", "customRoles"),
        *("deleteMailSender", "deleteRole", "deleteSsoConnection", "deleteWebhookEndpoint"),
        *("enrollInLearningPath", "enrollments", "events", "files", "groups", "invitations"),
        *("jobs", "learningPathEnrollments", "learningPaths"),
        *("removeGroupMembers", "renewCertificate", "reorderModules", "retryWebhookDelivery"),
        *("revokeCertificate", "rotateWebhookSecret", "search", "setCourseTags", "ssoAttempts"),
        *("ssoConnections", "startQuizAttempt", "submissions", "submitAssignment", "tags"),
        *("unenroll", "updateBranding", "updateGroup", "updateRole", "updateSsoConnection"),
        *("updateUser", "users", "webhookDeliveries", "webhookEndpoints"),
        *("withdrawFromLearningPath",),
    ),
    3: (
        *("addGroupMembers", "analytics", "bulkEnroll", "cloneCourse", "createModule"),
        *(
            "courseAnalytics",
            "createUpload",
            "createWebhookEndpoint",
            "deactivateUser",
            "enroll",
            "inviteUser",
        ),
        *("recordProgress", "removeTotp", "unassignManager", "updateLearningPath", "updateLesson"),
        *("publishCourse", "updateModule", "waiveLesson"),
    ),
    4: (
        *("createAssignment", "createQuiz", "createSsoConnection", "deleteGroup", "enqueueJob"),
        *("moveLesson", "publishLearningPath", "recordProgressBatch", "reorderContentItems"),
        *("reorderLessons", "retryJob"),
    ),
    5: (*("createContentItem", "deleteQuiz", "setModuleUnlock"),),
    6: (
        *("createBulkOperation", "createLesson", "createQuizQuestion", "deleteLesson"),
        *("deleteModule", "reorderQuizQuestions", "updateQuiz"),
    ),
}
# a page with all that its rows show, two levels below them
PAGES = {
    "categories": 2,
    "courses": 19,
    "customRoles": 2,
    "enrollments": 29,
    "groups": 22,
    "invitations": 3,
    "jobs": 3,
    "learningPaths": 12,
    "tags": 2,
    "users": 29,
}
LEVELS = 2
PAGE = "(first: 5)"
MORE = 6


def taken(name: str) -> int:
    (only,) = [count for count, names in TAKES.items() if name in names]
    return only


def test_every_operation_is_counted() -> None:
    assert sorted(name for names in TAKES.values() for name in names) == sorted(CALLS)


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_an_operation_takes_so_many_statements(school: School, name: str) -> None:
    reply = await school.with_settings(cache_answers=False).ask(call(school, name))
    assert reply.statements == taken(name)


def selection(type_: Any, level: int = 0) -> str:
    """All fields that need no argument, pages included, as deep as `LEVELS`."""
    if isinstance(type_, GraphQLInterfaceType):
        return "id"
    assert isinstance(type_, GraphQLObjectType)
    found = []
    for name, field in type_.fields.items():
        inner = get_named_type(field.type)
        needed = {each for each, of in field.args.items() if isinstance(of.type, GraphQLNonNull)}
        if is_leaf_type(inner) and not needed:
            found.append(name)
        elif "first" in needed and level < LEVELS:
            rows = get_named_type(inner.fields["nodes"].type)  # type: ignore[union-attr] # a connection
            found.append(f"{name}{PAGE} {{ totalCount nodes {{ {selection(rows, level + 1)} }} }}")
        elif not needed and not is_leaf_type(inner) and level < LEVELS:
            found.append(f"{name} {{ {selection(inner, level + 1)} }}")
    return " ".join(found)


async def grow(school: School) -> None:
    """As many rows again, and more, of what a school has, tied together in the same way."""
    people = [UserDraft(email=f"m{n}@example.com", name=f"More {n}", role="learner") for n in range(MORE)]
    lessons = (LessonOutline(title="First"), LessonOutline(title="Second"))
    drafts = [
        CourseDraft(
            code=f"MORE-{n}", title=f"More {n}", modules=(ModuleOutline(title="Only", lessons=lessons),)
        )
        for n in range(MORE)
    ]
    async with school.work() as work:
        more = await user.create_many(work, people)
        made = await course.create_many(work, drafts)
        for each in made:
            await course.publish(work, each.id)
        entries = [
            EnrollmentEntry(user_id=person.id, course_id=of.id)
            for person in more
            for of in (*school.courses[:2], *made)
        ]
        await enrollment.enroll_many(work, entries)
        for n in range(MORE):
            await role.create(work, name=f"More {n}", permissions=["course:read"])
            await invitation.invite(work, InvitationDraft(email=f"guest{n}@example.com"))
            await group_member.add(
                work, (await group.create(work, name=f"More {n}")).id, [person.id for person in more]
            )
            await path.create(work, PathDraft(title=f"More {n}", course_ids=[of.id for of in made]))
            await category.create(work, f"More {n}")
            await tag.create(work, f"More {n}")


@pytest.mark.parametrize("noun", sorted(PAGES))
async def test_more_rows_take_no_more_statements(open_school: OpenSchool, noun: str) -> None:
    small, large = await open_school(), await open_school()
    await grow(large)
    rows = get_named_type(get_named_type(ROOT.fields[noun].type).fields["nodes"].type)  # type: ignore[union-attr] # a connection
    text = f"query ($first: Int!) {{ {noun}(first: $first) {{ totalCount nodes {{ {selection(rows)} }} }} }}"
    replies = [
        await school.with_settings(cache_answers=False).ask(text, {"first": 50}) for school in (small, large)
    ]
    assert [reply.statements for reply in replies] == [PAGES[noun]] * 2
    few, many = (reply.data[noun]["totalCount"] for reply in replies)
    assert many >= few + MORE
