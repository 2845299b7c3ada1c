"""Enums of the graph, described for clients. Most are those of the rules and repositories themselves."""

import enum

import strawberry

from harka.analytics.health import HealthStatus, IssueCode
from harka.analytics.quota import QuotaState
from harka.auth.permissions import Role, permissions_of
from harka.graph.user_error_code import UserErrorCode
from harka.learning.api_key import ApiKeyState
from harka.learning.assignment import SubmissionKind
from harka.learning.bulk_enrollment import OnError
from harka.learning.certificate import CertificateState
from harka.learning.content import ContentKind
from harka.learning.file import FileStatus
from harka.learning.invitation import InvitationState
from harka.learning.job import JobKind, JobPriority
from harka.learning.outline import LessonKind
from harka.learning.quiz_attempt import AttemptState
from harka.learning.quiz_grading import QuestionKind
from harka.repositories.branding import BrandingStatus
from harka.repositories.course import CourseOrder, CourseStatus
from harka.repositories.dependent import DependentKind
from harka.repositories.domain import DomainStatus
from harka.repositories.enrollment import EnrollmentStatus
from harka.repositories.enrollment_list import EnrollmentOrder
from harka.repositories.file import FileOrder
from harka.repositories.job import JobOrder, JobState
from harka.repositories.page import OrderDirection
from harka.repositories.path import PathStatus as LearningPathStatus
from harka.repositories.quiz import Reveal
from harka.repositories.search import SearchKind
from harka.repositories.session import SessionKind
from harka.repositories.user import UserOrder, UserStatus
from harka.tenancy.context import ActorKind
from harka.tenancy.plan import Plan
from harka.tenancy.plan import Resource as QuotaResource

__all__ = [
    "ActorKind",
    "ApiKeyState",
    "AttemptState",
    "BrandingStatus",
    "CertificateState",
    "ContentKind",
    "CourseOrder",
    "CourseStatus",
    "DependentKind",
    "DomainStatus",
    "EnrollmentOrder",
    "EnrollmentStatus",
    "FileOrder",
    "FileStatus",
    "HealthStatus",
    "InvitationState",
    "IssueCode",
    "JobKind",
    "JobOrder",
    "JobPriority",
    "JobState",
    "LearningPathStatus",
    "LessonKind",
    "OnError",
    "OrderDirection",
    "OrganizationStatus",
    "Plan",
    "QuestionKind",
    "QuotaResource",
    "QuotaState",
    "Reveal",
    "Role",
    "SearchKind",
    "SessionKind",
    "SubmissionKind",
    "UserErrorCode",
    "UserOrder",
    "UserStatus",
    "ViewerKind",
]


class ViewerKind(enum.StrEnum):
    USER = "user"
    API_KEY = "api_key"


def _describe(enum_: type[enum.Enum], description: str, **values: str) -> None:
    """Make `enum_` an enum of the graph; `values` describes each member by its value."""
    if hasattr(enum_, "__strawberry_definition__"):
        raise TypeError(f"{enum_.__name__} is in the graph already: import it from harka.graph.enums")
    strawberry.enum(enum_, description=description)
    members = enum_.__strawberry_definition__.values  # type: ignore[attr-defined]  # strawberry.enum put it there
    for member in members:
        member.description = values.pop(member.value)
    if values:
        raise TypeError(f"{enum_.__name__} has no {', '.join(values)}")


class OrganizationStatus(enum.StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"


_describe(
    OrderDirection,
    "Which end of a list comes first.",
    asc="The smallest first: the oldest, the letter A.",
    desc="The greatest first: the newest, the letter Z.",
)

_describe(
    UserOrder,
    "What people are ordered by. Equal ones go by their id.",
    created_at="When they were created.",
    name="What they are called, in the collation of the database.",
    email="Their address, whatever its case.",
)

_describe(
    CourseOrder,
    "What courses are ordered by. Equal ones go by their id.",
    created_at="When they were created.",
    title="What they are called, in the collation of the database.",
    updated_at="When they last changed. What changes while a client reads on moves to its new place.",
)

_describe(
    EnrollmentOrder,
    "What enrollments are ordered by. Equal ones go by their id.",
    created_at="When they were created.",
    enrolled_at="When the person enrolled.",
    due_at="When they are due. Those that never are come after all others.",
    completed_at="When they were completed. Those that are not come before all others.",
    progress="How much of the course is done. What changes while a client reads on moves to its new place.",
)

_describe(
    FileOrder,
    "What files are ordered by. Equal ones go by their id.",
    created_at="When their upload was asked for.",
    name="What they are called, in the collation of the database.",
    size="How large they are.",
)

_describe(
    Plan,
    "What an organization has bought.",
    STARTER="For small teams: up to 100 people.",
    GROWTH="For growing companies: up to 1,000 people, single sign-on and branding of their own.",
    ENTERPRISE="For large companies: as many people as they like, and everything else.",
)

_describe(
    UserErrorCode,
    "Why a mutation was refused.",
    ASSIGNMENT_REQUIRED="Its assignment is what finishes and marks the lesson: `Assignment.completesLesson`.",
    CURSOR_EXPIRED="Something that came after the place that was named is kept no more.",
    ATTEMPT_EXPIRED="The time of the attempt at the quiz is over: it counts as one without an answer.",
    CONFLICT="Somebody changed it meanwhile, or its state does not allow this: read it again.",
    CONTRAST_TOO_LOW="A colour does not stand out enough by WCAG AA; the message tells the ratio.",
    COURSE_FULL="No seat of the course is free.",
    FEATURE_NOT_IN_PLAN="The plan does not have this feature; the message names one that has, if any helps.",
    INVALID_ID="An id that names nothing here.",
    LESSON_LOCKED="The module of the lesson is not open for the learner yet: `Module.lock` says why.",
    NO_ATTEMPT_LEFT="All attempts that the quiz allows are used up.",
    NOT_FOUND="There is no such thing, or the caller may not see it.",
    PLAN_LIMIT_REACHED="The organization's plan does not allow more.",
    QUEUE_LIMIT_EXCEEDED="As many jobs wait as the organization's plan allows: try again when some are done.",
    QUIZ_REQUIRED="Its quiz is what finishes and marks the lesson: `Quiz.completesLesson`.",
    VALIDATION_FAILED="A value that cannot be used.",
)

_describe(
    OnError,
    "What becomes of the others when some of many cannot be done.",
    ignore_failed="They are done; those that failed are left out of the results.",
    reject_failed_rows="They are done; those that failed are told with their error.",
    reject_everything="Nothing is done, and the results tell which failed.",
)

_describe(
    OrganizationStatus,
    "Whether an organization is served.",
    active="Served.",
    suspended="Not served: every request is refused with TENANT_SUSPENDED.",
)

_describe(
    BrandingStatus,
    "Where a version of the branding is in its life.",
    draft="Being worked on: only who may write the organization sees it.",
    published="What everybody sees.",
    retired="Was published once, and may be again.",
)

_describe(
    DomainStatus,
    "How far a domain is the organization's own.",
    PENDING="Claimed, and not proven: others may claim it, too.",
    VERIFIED="Proven, and not served yet: nobody else can have it.",
    ACTIVE="Served, while the plan has `customBranding`.",
    SUSPENDED="Not served any more: its proof was gone for 72 hours. It may be proven again, by others too.",
)

_describe(
    UserStatus,
    "Whether a person may sign in.",
    active="May sign in.",
    inactive="May not; what they did is kept.",
)


def _allowed(role: Role) -> str:
    return ", ".join(f"`{permission}`" for permission in sorted(permissions_of(role)))


_describe(
    Role,
    "What a person may do in their organization. Each built-in role may do what the ones before it may.",
    learner=f"Takes courses. Permissions: {_allowed(Role.LEARNER)}.",
    instructor=f"Sees who takes part, and how far they are. Permissions: {_allowed(Role.INSTRUCTOR)}.",
    manager=f"Writes courses and enrolls people. Permissions: {_allowed(Role.MANAGER)}.",
    admin=f"Manages people. Permissions: {_allowed(Role.ADMIN)}.",
    owner=f"May do everything. Permissions: {_allowed(Role.OWNER)}.",
    custom="What a role of the organization's own says: `customRole`.",
)

_describe(
    InvitationState,
    "Whether an invitation may still be accepted.",
    open="It may.",
    accepted="Somebody has come in by it.",
    revoked="It was revoked, or another took its place.",
    expired="It has ended.",
)

_describe(
    ApiKeyState,
    "Whether an API key is accepted.",
    live="It is.",
    expired="It has ended, or another took its place.",
    revoked="It was revoked.",
)

_describe(
    SessionKind,
    "What a session is used by.",
    browser="A browser, with a cookie.",
    app="An app, with tokens.",
)

_describe(
    CourseStatus,
    "Where a course is in its life.",
    draft="Being written: only authors see it.",
    published="Open for enrollment.",
    archived="Closed for enrollment; who is enrolled keeps access.",
)

_describe(
    LearningPathStatus,
    "Where a learning path is in its life.",
    draft="Being written: only authors see it.",
    published="Open for people to be put on it.",
    archived="Closed; who is on it stays.",
)

_describe(
    ContentKind,
    "What an item of a lesson is.",
    text="A text, in Markdown if the client shows it so.",
    video="A video at an address.",
    link="A page or document at an address.",
    file="A file that was uploaded here.",
    quiz="A quiz of the lesson.",
)

_describe(
    QuestionKind,
    "How a question of a quiz is answered.",
    single="By one of its options.",
    multiple="By all of its options that are right.",
    true_false="By true or false.",
    short="By a short text; case, and the number of spaces, do not matter.",
    numeric="By a number.",
)

_describe(
    Reveal,
    "When learners see which answers are right.",
    never="Never.",
    after_submission="In each attempt as soon as it is submitted; whoever has another left knows them then.",
    after_last_attempt="When all attempts that the quiz allows are over; never when it allows any number.",
)

_describe(
    AttemptState,
    "Where an attempt at a quiz stands.",
    in_progress="It can be submitted.",
    submitted="It was submitted and graded.",
    expired="Its time ran out before it was submitted: it counts, with no points.",
)

_describe(
    SubmissionKind,
    "What is handed in for an assignment.",
    text="A text.",
    file="Files.",
)

_describe(
    FileStatus,
    "Whether a file is there.",
    pending="It is to be uploaded, or to be completed.",
    ready="It is there, and is what it was said to be.",
)

_describe(
    CertificateState,
    "Whether a certificate still proves anything.",
    valid="It does.",
    expired="Its time is over.",
    revoked="The organization took it back.",
)

_describe(
    LessonKind,
    "What a learner does in a lesson.",
    reading="Reads a text.",
    video="Watches a recording.",
    audio="Listens to a recording.",
    live="Takes part in a session at a fixed time.",
    quiz="Answers questions for practice.",
    assignment="Hands in work that is marked.",
    exam="Is examined.",
)

_describe(
    EnrollmentStatus,
    "Where an enrollment stands.",
    active="Taking part.",
    completed="What the course asks for is done. It stays completed.",
    withdrawn="Left before the end. Enrolling again starts anew.",
)

_describe(
    HealthStatus,
    "How an organization is doing, or how bad an issue is.",
    healthy="Nothing is wrong.",
    warning="Something needs to be looked at.",
    critical="Something does not work, or is refused.",
)

_describe(
    IssueCode,
    "What is wrong with an organization.",
    users_near_limit="Nearly as many people are active as the plan allows, or just as many.",
    requests_near_limit="Nearly as many requests were made this month as the plan includes, or more.",
    storage_near_limit="Nearly as many bytes are stored as the plan includes, or more.",
    jobs_failed="Work in the background was given up within the window.",
    bandwidth_near_limit="Nearly as much is downloaded this month as the plan includes, or more.",
    certificates_expiring="Certificates end soon.",
    figures_stale="What is stored was not measured for ten minutes or more.",
    webhook_events_lost="Events were forgotten before an endpoint was told them: it was paused for too long.",
    webhooks_paused="Webhook endpoints were paused because of what became of them: they are told nothing.",
    sso_certificate_expiring="A certificate of single sign-on ends: nobody comes in by its connection then.",
    domain_proof_missing="The record that proves a domain is gone from DNS: somebody else may have it.",
)

_describe(
    DependentKind,
    "What acts only as long as the organization has a feature.",
    domain="A domain of its own that is served: nobody answers there any more. Passkeys made there work "
    "nowhere else, and a provider that knows its address alone lets nobody in at the platform's.",
    mail_sender="Its own mail server: e-mails go by the platform's.",
    sso_connection="A connection by which people come in: they need a password or a passkey.",
    scim_token="A token of its directory: it is refused.",  # noqa: S106 - words
    api_key="A key: it is refused.",
    webhook_endpoint="An endpoint: nothing is sent to it.",
)

_describe(
    QuotaResource,
    "What a plan bounds.",
    users="People who may sign in.",
    storage="Bytes of rows and files.",
    requests_per_month="Requests of this calendar month, in the organization's time zone.",
    bandwidth="Bytes of files that were downloaded this month, in the organization's time zone.",
    requests_per_second="Requests: so many a second, saved up to `limit` of them.",
    points_per_second="Points of what operations cost: so many a second, saved up to `limit` of them.",
    concurrent_requests="Operations under way at once.",
    sockets="WebSockets and streams of server-sent events that are open at once.",
    cpu="Seconds of processor time: so many a second, saved up to `limit` of them.",
    memory="Bytes that the operations under way may come to.",
    queued_jobs="Jobs that wait to be begun, counted no further than `limit`.",
    cache="Bytes of what is cached, making room for itself at `limit`; 0 while the cache cannot be asked.",
)

_describe(
    QuotaState,
    "How a limit stands.",
    within="What the plan includes is not used up.",
    grace="It is used up; what is beyond still passes, for a while.",
    exhausted="Nothing more passes.",
)

_describe(
    JobState,
    "What has become of a job.",
    queued="It waits to be begun, for the first time or again.",
    running="It is being done.",
    done="It is done.",
    dead="It was given up after its attempts; `retryJob` has it tried again.",
    cancelled="Somebody cancelled it, and nothing of it was done.",
)

_describe(
    JobKind,
    "What jobs people may put in. Others are put in by what they change, and by the platform.",
    **{
        "course.recount": "Work out again the progress of everybody in a course: needs `courseId`.",
        "path.recount": "Work out again how far people are on a learning path: needs `learningPathId`.",
        "usage.measure": "Measure what the organization stores.",
        "domain.recheck": "Look again for the proofs of the organization's domains.",
    },
)

_describe(
    JobPriority,
    "Which of an organization's jobs are begun first. Other organizations' have turns of their own.",
    high="Before all others.",
    normal="As usual.",
    low="When nothing else is due.",
)

_describe(
    JobOrder,
    "What jobs are ordered by. Equal ones go by their id.",
    created_at="When they were put in.",
)

_describe(
    SearchKind,
    "What can be found.",
    user="People, by name and address.",
    course="Courses, by title and code.",
    lesson="Lessons, by title.",
    learning_path="Learning paths, by title.",
)

_describe(
    ViewerKind,
    "What a caller is.",
    user="A person.",
    api_key="A program with an API key.",
)

_describe(
    ActorKind,
    "What kind of caller did something.",
    anonymous="Somebody who had not signed in, as by an invitation.",
    user="A person.",
    api_key="A program with an API key.",
    scim="The organization's own directory, by SCIM.",
    job="Work in the background.",
    operator="The operator of the platform, as by an import.",
)
