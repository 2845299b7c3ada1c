"""What holds for every statement on tenants' tables, now and for those added later."""

import importlib
import pkgutil
import re
from collections.abc import AsyncIterator

import asyncpg
import pytest

import harka.repositories
from academy import SCHEMA
from harka.config import Settings
from harka.repositories.alert import HealthAlert
from harka.repositories.assignment import Assignment
from harka.repositories.branding import Branding
from harka.repositories.branding_asset import BrandingAsset
from harka.repositories.bulk_change import BulkChange, BulkResult, Standing
from harka.repositories.bulk_operation import BulkOperation, Progress
from harka.repositories.category import Category
from harka.repositories.certificate import Certificate, Issued
from harka.repositories.completion import Completion
from harka.repositories.content import ContentItem
from harka.repositories.course import Course
from harka.repositories.course_analytics import Funnel, LessonFigures
from harka.repositories.course_version import CourseVersion
from harka.repositories.dependent import Dependent
from harka.repositories.enrollment import Enrollment
from harka.repositories.event import Event
from harka.repositories.file import File, FilePlace
from harka.repositories.group import Group, Place
from harka.repositories.group_list import Tied
from harka.repositories.group_member import GroupMember
from harka.repositories.idempotency import Kept
from harka.repositories.invitation import Invitation, InvitedTo
from harka.repositories.job import Job
from harka.repositories.job import Place as JobPlace
from harka.repositories.job_run import Outlook, Run
from harka.repositories.lesson import Lesson, Taught
from harka.repositories.mail_sender import MailSender
from harka.repositories.mail_sender import Sealed as SealedSender
from harka.repositories.module import Module
from harka.repositories.page import Pages, statements_of
from harka.repositories.passkey import Known as KnownPasskey
from harka.repositories.passkey import Passkey
from harka.repositories.path import LearningPath, PathCourse
from harka.repositories.path_enrollment import PathEnrollment
from harka.repositories.progress import LessonProgress
from harka.repositories.quiz import Quiz
from harka.repositories.quiz_attempt import QuizAttempt, Sheet
from harka.repositories.quiz_question import QuizQuestion
from harka.repositories.role import CustomRole
from harka.repositories.rollup import Totals
from harka.repositories.scim_group import Membership as ScimMembers
from harka.repositories.scim_group import ScimGroup
from harka.repositories.scim_user import Membership, ScimUser, Taker
from harka.repositories.search import Asked, Found
from harka.repositories.session import Held, Session
from harka.repositories.sso import Ending, Policy, SsoConnection
from harka.repositories.sso_attempt import SsoAttempt
from harka.repositories.submission import Submission, SubmissionFile
from harka.repositories.tag import Tag
from harka.repositories.unlock import Guard, Lock, Unlock
from harka.repositories.usage import Usage
from harka.repositories.user import User
from harka.repositories.webhook_delivery import Dispatched, WebhookDelivery
from harka.repositories.webhook_delivery import Due as WebhookDue
from harka.repositories.webhook_endpoint import Secrets as WebhookSecrets
from harka.repositories.webhook_endpoint import WebhookEndpoint
from harka.storage.location import app_url
from harka.storage.statement import Statement

MODULES = [
    importlib.import_module(f"harka.repositories.{module.name}")
    for module in pkgutil.iter_modules(harka.repositories.__path__)
]
CONSTANTS = [value for module in MODULES for value in vars(module).values()]
STATEMENTS = [value for value in CONSTANTS if isinstance(value, Statement)] + [
    statement
    for value in CONSTANTS
    if isinstance(value, dict) and any(isinstance(each, Pages | Statement) for each in value.values())
    for statement in statements_of(value)
    if isinstance(statement, Statement)
]
FIELDS = [
    list(struct.__struct_fields__)
    for struct in (
        *(
            Branding,
            BrandingAsset,
            BulkChange,
            BulkResult,
            BulkOperation,
            Category,
            Assignment,
            Certificate,
            Completion,
            ContentItem,
            Course,
            CourseVersion,
            CustomRole,
            Enrollment,
            Event,
            File,
            FilePlace,
            Funnel,
            Group,
            GroupMember,
            Tied,
            Invitation,
            InvitedTo,
            Issued,
            Guard,
            HealthAlert,
            MailSender,
            SealedSender,
            Job,
            JobPlace,
            Run,
            Lesson,
            LessonFigures,
            LearningPath,
            LessonProgress,
            Lock,
            Module,
            Quiz,
            QuizAttempt,
            QuizQuestion,
            Passkey,
            Session,
            SsoAttempt,
            SsoConnection,
            Sheet,
            Submission,
            SubmissionFile,
            Unlock,
        ),
        *(PathCourse, PathEnrollment, Tag, Totals, Usage, User),
        *(Membership, ScimGroup, ScimMembers, ScimUser, Taker),
        *(WebhookDelivery, WebhookDue, WebhookEndpoint, WebhookSecrets),
    )
]
# columns that are no row of a struct
PARTS = {
    "dependent.list_at_home": list(Dependent._fields),
    "course.lock_status": ["id", "status", "seats", "self_enrollment"],
    "bulk_change.lock": list(Standing.__struct_fields__),
    "event.is_gone": ["is_gone"],
    "invitation.accept": [*Invitation.__struct_fields__, "managed"],
    "invitation.join_groups": ["group_id"],
    "invitation.replace": ["id"],
    "bulk_operation.count_all": ["kept", "open"],
    "bulk_operation.delete_old": ["id"],
    "bulk_operation.end_left": ["id"],
    "bulk_operation.progress": list(Progress.__struct_fields__),
    "enrollment.lock_seats": ["pg_advisory_xact_lock"],
    "enrollment.seats_taken": ["course_id", "seats", "seated"],
    "user.find_acting": [*User.__struct_fields__, "permissions", "manages_groups"],
    "user.statuses": ["id", "status"],
    "enrollment.lock": ["id", "user_id", "course_id", "status", "expires_at", "enrolled_at", "version"],
    "enrollment.lock_of_course": ["id"],
    "certificate.count_of_users": ["parent", "certificates"],
    "enrollment.count_of_users": ["parent", "enrollments"],
    "enrollment.count_of_courses": ["parent", "enrollments"],
    "course_version.begin_next": ["id"],
    "course_version.count_of_courses": ["parent", "versions"],
    "course_version.modules": ["id", "modules"],
    "file.delete_abandoned": ["id"],
    "file.handed_in": ["id"],
    "file.reserved": ["reserved"],
    "group.count_of_parents": ["parent", "groups"],
    "group.lock_tree": ["pg_advisory_xact_lock"],
    "group.place": list(Place.__struct_fields__),
    "group.managed": ["id"],
    "group_manager.count_of_groups": ["parent", "people"],
    "group_manager.count_of_users": ["parent", "groups"],
    "group_member.count_of_groups": ["parent", "people"],
    "group_member.count_of_users": ["parent", "groups"],
    "idempotency.take": list(Kept.__struct_fields__),
    "job.hold_waiting": ["id"],
    "job.insert": ["id"],
    "job.lock_length": ["pg_advisory_xact_lock"],
    "job_run.beat": ["id", "cancelling"],
    "job_run.defer": ["state"],
    "job_run.fail": ["state"],
    "job_run.finish": ["id"],
    "job_run.lock_claims": ["no"],
    "job_run.outlook": list(Outlook.__struct_fields__),
    "lesson.reorder": ["exact"],
    "lesson.taken_by": ["id", "course_id", "guarded"],
    "content.reorder": ["exact"],
    "module.reorder": ["exact"],
    "progress.count": ["count", "count"],
    "search.spelled_like": list(Asked.__struct_fields__),
    "search.find_best": list(Found.__struct_fields__),
    "path.lock_status": ["status"],
    "path_enrollment.count_of_paths": ["parent", "enrollments"],
    "path_enrollment.count_of_users": ["parent", "enrollments"],
    "path_enrollment.lock_of_completed": ["id"],
    "path_enrollment.lock_of_path": ["id"],
    "path_enrollment.unlocked": ["user_id", "course_id"],
    "tag.of_courses": ["course_id", *Tag.__struct_fields__],
    "user.lock_seats": ["pg_advisory_xact_lock"],
    "progress.recalculate": [*Enrollment.__struct_fields__, "is_news"],
    "progress.lock_target": [*Enrollment.__struct_fields__, "has_lesson", "guarded", "finished_by", "kind"],
    "passkey.credentials": ["credential_id"],
    "passkey.find_by_credential": list(KnownPasskey.__struct_fields__),
    "password.find_by_email": ["id", "status", "hash", "sealed_secret", "last_step"],
    "password.find_by_user": ["id", "status", "hash", "sealed_secret", "last_step"],
    "password.knows_reset": ["exists"],
    "password.spend_reset": ["user_id", "email", "name"],
    "quiz.keep": ["id"],
    "quiz_attempt.count_of_enrollments": ["parent", "attempts"],
    "quiz_attempt.count_of_quizzes": ["parent", "attempts"],
    "quiz_attempt.submission": [
        *QuizAttempt.__struct_fields__,
        *("questions", "lesson_id", "completes_lesson"),
    ],
    "quiz_question.reorder": ["exact"],
    "scim_group.external_ids": ["id", "external_id"],
    "scim_user.external_ids": ["user_id", "external_id"],
    "session.hold": list(Held.__struct_fields__),
    "session.live": ["id"],
    "sso.break_glass": ["id"],
    "sso.ending": list(Ending.__struct_fields__),
    "sso.find_identity": ["user_id"],
    "sso.is_linked": ["is_linked"],
    "sso.find_secret": ["sealed_secret"],
    "sso_key.find_next": ["next_sealed_secret"],
    "sso.lock": ["id"],
    "sso.lock_enforced": ["id"],
    "sso.roles_of_linked": ["role", "role_id"],
    "sso_session.revoke_of_sid": ["user_id"],
    "sso_session.revoke_of_subject": ["user_id"],
    "sso.policy": list(Policy.__struct_fields__),
    "totp.find_proposed": ["sealed_secret"],
    "quiz_attempt.latest": [*QuizAttempt.__struct_fields__, "attempts"],
    "path.published_with": ["id"],
    "path_enrollment.active_of_user": ["id"],
    "lesson.courses_of": list(Taught.__struct_fields__),
    "mail_topic.find": ["topic"],
    "mail_sender.delete": ["id"],
    "mail_topic.find_in_charge": ["id"],
    "mail_topic.find_other_owners": ["id"],
    "scim_user.is_called": ["is_called"],
    "scim_user.roles_of_called": ["role"],
    "session.find_live": ["user_id", "status"],
    "mail_topic.is_in_charge": ["id"],
    "webhook_delivery.dispatch": list(Dispatched.__struct_fields__),
    "webhook_endpoint.lock_all": ["id"],
    "webhook_endpoint.lock_count": ["pg_advisory_xact_lock"],
}
NO_ALIAS = r"(?!ON\b|SET\b|WHERE\b|ORDER\b|JOIN\b)"
READ = re.compile(rf'(?:FROM|JOIN|UPDATE)\s+\{{schema\}}\.("user"|\w+)(?:\s+(?:AS\s+)?{NO_ALIAS}(\w+))?')
WRITTEN = re.compile(
    r'INSERT INTO \{schema\}\.(?:"user"|\w+)(?: AS \w+)?\s*\(tenant_id,[^)]*\)\s*'
    r"(?:SELECT \$1::uuid|VALUES \(\$1),"
)


def name(statement: Statement) -> str:
    return statement.name


def unfiltered(text: str) -> list[str]:
    """Tables a statement reads without saying whose rows; each place where it reads one counts."""
    missing = []
    for table, alias in READ.findall(text):
        column = rf"\b{alias}\.tenant_id" if alias else r"(?<!\.)\btenant_id"
        if not re.search(rf"{column} = \$1\b", text):
            missing.append(f"{table} {alias}")
    reads, filters = len(READ.findall(text)), len(re.findall(r"tenant_id = \$1\b", text))
    return missing if filters >= reads else [*missing, f"{reads} reads, {filters} filters"]


def test_there_are_statements_to_look_at() -> None:
    assert len(STATEMENTS) > 40
    assert len({statement.name for statement in STATEMENTS}) == len(STATEMENTS)


@pytest.mark.parametrize("statement", STATEMENTS, ids=name)
def test_a_statement_names_the_tenant_wherever_it_reads_or_writes(statement: Statement) -> None:
    assert unfiltered(statement.text) == []
    assert statement.text.count("INSERT INTO") == len(WRITTEN.findall(statement.text))


@pytest.mark.parametrize("statement", STATEMENTS, ids=name)
def test_a_dropped_filter_is_noticed(statement: Statement) -> None:
    for place in re.finditer(r"(\w+\.)?tenant_id = \$1 ?", statement.text):
        assert unfiltered(statement.text[: place.start()] + statement.text[place.end() :]) != []


@pytest.fixture(scope="module")
async def connection(academy_settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(app_url(academy_settings, "app"))
    yield connection
    await connection.close()


@pytest.mark.parametrize("statement", STATEMENTS, ids=name)
async def test_columns_come_in_the_order_of_the_fields(
    connection: asyncpg.Connection, statement: Statement
) -> None:
    prepared = await connection.prepare(statement.in_schema(SCHEMA))
    columns = [attribute.name for attribute in prepared.get_attributes()]
    if columns in ([], ["count"]) or columns == PARTS.get(statement.name):
        return
    assert columns in FIELDS
