"""Who keeps a copy of an organization is told of what they keep: each change is an event, or is listed here.

Each mutation is done with values of its own that nothing speaks against, and what it told is counted.
"""

import json
from collections.abc import Mapping
from typing import Final

import pytest
from attack import accepted
from operations import RootField
from speaker import MUTATIONS, Speaker
from state import Rows, States
from worlds import World

from harka.repositories.event import EventType as E

TELLS: Final[Mapping[str, set[E]]] = {
    "acceptInvitation": {E.USER_CREATED, E.INVITATION_ACCEPTED, E.GROUP_MEMBER_ADDED},
    "archiveCourse": {E.COURSE_ARCHIVED},
    "archiveLearningPath": {E.LEARNING_PATH_ARCHIVED},
    "bulkEnroll": {E.ENROLLMENT_CREATED},
    "bulkUsers": {E.USER_CREATED, E.USER_UPDATED},
    "cancelBulkOperation": {E.BULK_OPERATION_FINISHED},
    "cloneCourse": {E.COURSE_CREATED},
    "createAssignment": {E.ASSIGNMENT_CREATED},
    "createCategory": {E.CATEGORY_CREATED},
    "createContentItem": {E.LESSON_UPDATED},
    "createCourse": {E.COURSE_CREATED},
    "createGroup": {E.GROUP_CREATED},
    "createLearningPath": {E.LEARNING_PATH_CREATED},
    "createLesson": {E.LESSON_CREATED},
    "createModule": {E.MODULE_CREATED},
    "createQuiz": {E.QUIZ_CREATED},
    "createQuizQuestion": {E.QUIZ_UPDATED},
    "createRole": {E.ROLE_CREATED},
    "createTag": {E.TAG_CREATED},
    "createUser": {E.USER_CREATED, E.GROUP_MANAGER_ASSIGNED},
    "deactivateUser": {E.USER_DEACTIVATED},
    "deleteAssignment": {E.ASSIGNMENT_DELETED},
    "deleteCategory": {E.CATEGORY_DELETED},
    "deleteContentItem": {E.LESSON_UPDATED},
    "deleteFile": {E.FILE_DELETED},
    "deleteGroup": {E.GROUP_DELETED},
    "deleteLesson": {E.LESSON_DELETED},
    "deleteModule": {E.MODULE_DELETED},
    "deleteQuiz": {E.QUIZ_DELETED, E.LESSON_UPDATED},
    "deleteQuizQuestion": {E.QUIZ_UPDATED},
    "deleteRole": {E.ROLE_DELETED},
    "deleteTag": {E.TAG_DELETED},
    "gradeSubmission": {E.SUBMISSION_GRADED},
    "inviteUser": {E.INVITATION_CREATED},
    "moveLesson": {E.LESSON_UPDATED},
    "publishBranding": {E.BRANDING_PUBLISHED},
    "publishCourse": {E.COURSE_PUBLISHED},
    "removeGroupMembers": {E.GROUP_MEMBER_REMOVED},
    "renewCertificate": {E.CERTIFICATE_RENEWED},
    "reorderContentItems": {E.LESSON_UPDATED},
    "reorderLessons": {E.MODULE_UPDATED},
    "reorderModules": {E.COURSE_UPDATED},
    "reorderQuizQuestions": {E.QUIZ_UPDATED},
    "resetPassword": {E.USER_PASSWORD_RESET},
    "revokeCertificate": {E.CERTIFICATE_REVOKED},
    "revokeInvitation": {E.INVITATION_REVOKED},
    "setCourseTags": {E.COURSE_UPDATED},
    "setModuleUnlock": {E.MODULE_UPDATED},
    "submitAssignment": {E.SUBMISSION_SUBMITTED},
    "submitQuizAttempt": {E.QUIZ_ATTEMPT_SUBMITTED},
    "unassignManager": {E.GROUP_MANAGER_UNASSIGNED},
    "unenroll": {E.ENROLLMENT_WITHDRAWN},
    "unenrollViewer": {E.ENROLLMENT_WITHDRAWN},
    "updateAssignment": {E.ASSIGNMENT_UPDATED},
    "updateCategory": {E.CATEGORY_UPDATED},
    "updateContentItem": {E.LESSON_UPDATED},
    "updateCourse": {E.COURSE_UPDATED},
    "updateEnrollment": {E.ENROLLMENT_UPDATED},
    "updateGroup": {E.GROUP_UPDATED},
    "updateLearningPath": {E.LEARNING_PATH_UPDATED},
    "updateLesson": {E.LESSON_UPDATED},
    "updateModule": {E.MODULE_UPDATED},
    "updateQuiz": {E.QUIZ_UPDATED},
    "updateQuizQuestion": {E.QUIZ_UPDATED},
    "updateRole": {E.ROLE_UPDATED},
    "updateTag": {E.TAG_UPDATED},
    "updateUser": {E.USER_UPDATED},
    "updateViewer": {E.USER_UPDATED},
    "waiveLesson": {E.ENROLLMENT_COMPLETED, E.CERTIFICATE_ISSUED, E.LEARNING_PATH_ENROLLMENT_COMPLETED},
    "withdrawFromLearningPath": {E.LEARNING_PATH_ENROLLMENT_WITHDRAWN},
}
_NOT_HERE: Final = "the catalog holds it, another database: no event could be written with the change"
_CONFIGURED: Final = "how programs and directories reach the organization: nobody keeps a copy of that"
_SECRET: Final = "how somebody proves who they are: told to themselves, by e-mail and in their own lists"
_SENDING: Final = "where events are told, and how often: an event of it would be told there"
_STEP: Final = "learners' steps are very many; the end is told, and `progressChanged` tells on the way"
_JOB: Final = "what is to be done; what was done is told by itself, and `jobProgress` tells on the way"
_DRAFT: Final = "nobody sees it before it is published, which is told"
SILENT: Final[Mapping[str, str]] = {
    **dict.fromkeys(("addDomain", "verifyDomain", "activateDomain", "removeDomain"), _NOT_HERE),
    **dict.fromkeys(("createApiKey", "rotateApiKey", "revokeApiKey", "updateOrganization"), _NOT_HERE),
    **dict.fromkeys(("createScimToken", "revokeScimToken"), _CONFIGURED),
    **dict.fromkeys(("createSsoConnection", "updateSsoConnection", "testSsoConnection"), _CONFIGURED),
    **dict.fromkeys(("enforceSso", "disableSso", "deleteSsoConnection"), _CONFIGURED),
    **dict.fromkeys(("rotateSsoKey", "finishSsoKeyRotation"), _CONFIGURED),
    **dict.fromkeys(("setMailSender", "testMailSender", "deleteMailSender"), _CONFIGURED),
    **dict.fromkeys(("setMailSubscription",), "for oneself: what somebody wants by e-mail"),
    **dict.fromkeys(("changePassword", "createPasswordReset", "revokeSession"), _SECRET),
    **dict.fromkeys(("setUpTotp", "confirmTotp", "removeTotp", "updatePasskey", "deletePasskey"), _SECRET),
    **dict.fromkeys(("createWebhookEndpoint", "updateWebhookEndpoint", "deleteWebhookEndpoint"), _SENDING),
    **dict.fromkeys(("rotateWebhookSecret", "replayWebhook", "testWebhookEndpoint"), _SENDING),
    **dict.fromkeys(("retryWebhookDelivery", "retryWebhookDeliveries"), _SENDING),
    **dict.fromkeys(("recordProgress", "recordProgressBatch", "startQuizAttempt"), _STEP),
    **dict.fromkeys(("enqueueJob", "cancelJob", "retryJob", "createBulkOperation"), _JOB),
    **dict.fromkeys(("updateBranding", "discardBranding", "createUpload"), _DRAFT),
}
"""What tells nothing, and why not."""
UNCHANGED: Final[Mapping[str, str]] = {
    "addGroupMembers": "tests/learning/test_event.py",
    "assignManager": "tests/learning/test_event.py",
    "completeUpload": "tests/learning/test_file.py",
    "enroll": "tests/learning/test_event.py",
    "enrollInLearningPath": "tests/learning/test_event.py",
    "enrollViewer": "tests/learning/test_event.py",
    "issueCertificate": "tests/learning/test_certificate.py",
    "publishLearningPath": "tests/learning/test_event.py",
    "reactivateUser": "tests/learning/test_event.py",
    "rollBackBranding": "tests/learning/test_branding.py",
}
"""What is so already in this world, so that nothing is changed: where it is told when something is."""


def test_every_mutation_is_told_of_or_says_why_not() -> None:
    listed = [*TELLS, *SILENT, *UNCHANGED]
    assert sorted(listed) == sorted(field.name for field in MUTATIONS), "list a new one above"


@pytest.mark.parametrize("field", MUTATIONS, ids=lambda field: field.name)
async def test_a_change_of_what_is_kept_is_told(
    speaker: Speaker, states: States, worlds: dict[str, World], field: RootField
) -> None:
    world = worlds["pool-b"]
    state = await states.of(world.organization)
    before = await state.rows()
    told: set[tuple[str, str]] = set()
    changed: set[str] = set()
    for variables in accepted(field, world):
        answer = await speaker.ask(world, field, variables)
        assert answer.codes == set(), answer.text
        told |= _told(await state.rows(), world) - _told(before, world)
        changed |= await state.put_back(before)
    types = {type_ for _, type_ in told}
    assert types == {str(each) for each in TELLS.get(field.name, ())}
    if field.name in UNCHANGED:
        assert changed == set()


def _told(rows: Rows, world: World) -> set[tuple[str, str]]:
    return {(each["id"], each["type"]) for each in json.loads(rows[f"{world.organization.schema}.event"])}
