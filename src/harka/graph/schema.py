"""The schema, put together from the nouns, and its text."""

import functools
from datetime import datetime
from typing import Any

import strawberry
from graphql import GraphQLError, GraphQLSchema
from strawberry.schema.config import StrawberryConfig

from harka.graph.mutations.api_key import ApiKeyMutation
from harka.graph.mutations.assignment import AssignmentMutation
from harka.graph.mutations.branding import BrandingMutation
from harka.graph.mutations.bulk_enrollment import BulkEnrollmentMutation
from harka.graph.mutations.bulk_operation import BulkOperationMutation
from harka.graph.mutations.bulk_user import BulkUserMutation
from harka.graph.mutations.category import CategoryMutation
from harka.graph.mutations.certificate import CertificateMutation
from harka.graph.mutations.content import ContentMutation
from harka.graph.mutations.course import CourseMutation
from harka.graph.mutations.course_clone import CourseCloneMutation
from harka.graph.mutations.domain import DomainMutation
from harka.graph.mutations.enrollment import EnrollmentMutation
from harka.graph.mutations.file import FileMutation
from harka.graph.mutations.group import GroupMutation
from harka.graph.mutations.group_manager import GroupManagerMutation
from harka.graph.mutations.group_member import GroupMemberMutation
from harka.graph.mutations.invitation import InvitationMutation
from harka.graph.mutations.job import JobMutation
from harka.graph.mutations.lesson import LessonMutation
from harka.graph.mutations.mail_sender import MailSenderMutation
from harka.graph.mutations.mail_subscription import MailSubscriptionMutation
from harka.graph.mutations.module import ModuleMutation
from harka.graph.mutations.organization import OrganizationMutation
from harka.graph.mutations.own_enrollment import OwnEnrollmentMutation
from harka.graph.mutations.passkey import PasskeyMutation
from harka.graph.mutations.password import PasswordMutation
from harka.graph.mutations.path import LearningPathMutation
from harka.graph.mutations.path_enrollment import LearningPathEnrollmentMutation
from harka.graph.mutations.progress import ProgressMutation
from harka.graph.mutations.progress_batch import ProgressBatchMutation
from harka.graph.mutations.quiz import QuizMutation
from harka.graph.mutations.quiz_attempt import QuizAttemptMutation
from harka.graph.mutations.quiz_question import QuizQuestionMutation
from harka.graph.mutations.role import RoleMutation
from harka.graph.mutations.scim_token import ScimTokenMutation
from harka.graph.mutations.session import SessionMutation
from harka.graph.mutations.sso import SsoMutation
from harka.graph.mutations.sso_key import SsoKeyMutation
from harka.graph.mutations.submission import SubmissionMutation
from harka.graph.mutations.tag import TagMutation
from harka.graph.mutations.totp import TotpMutation
from harka.graph.mutations.unlock import UnlockMutation
from harka.graph.mutations.user import UserMutation
from harka.graph.mutations.viewer import ViewerMutation
from harka.graph.mutations.waiver import WaiverMutation
from harka.graph.mutations.webhook_delivery import WebhookDeliveryMutation
from harka.graph.mutations.webhook_endpoint import WebhookEndpointMutation
from harka.graph.scalars import DATE_TIME
from harka.graph.subscriptions.analytics import AnalyticsSubscription
from harka.graph.subscriptions.completion import CompletionSubscription
from harka.graph.subscriptions.course import CourseSubscription
from harka.graph.subscriptions.job import JobSubscription
from harka.graph.subscriptions.progress import ProgressSubscription
from harka.graph.subscriptions.submission import SubmissionSubscription
from harka.graph.types.analytics import AnalyticsQuery
from harka.graph.types.api_key import ApiKeyQuery
from harka.graph.types.assignment import Assignment
from harka.graph.types.branding import BrandingQuery
from harka.graph.types.bulk_change import BulkChangeQuery
from harka.graph.types.bulk_operation import BulkOperationQuery
from harka.graph.types.category import CategoryQuery
from harka.graph.types.certificate import CertificateQuery
from harka.graph.types.completion import Completion
from harka.graph.types.content import ContentItem
from harka.graph.types.course import CourseQuery
from harka.graph.types.domain import DomainQuery
from harka.graph.types.enrollment import EnrollmentQuery
from harka.graph.types.event import EventQuery
from harka.graph.types.file import FileQuery
from harka.graph.types.group import GroupQuery
from harka.graph.types.invitation import InvitationQuery
from harka.graph.types.job import JobQuery
from harka.graph.types.lesson import Lesson
from harka.graph.types.mail_sender import MailSenderQuery
from harka.graph.types.module import Module
from harka.graph.types.node import NodeQuery
from harka.graph.types.organization import OrganizationQuery
from harka.graph.types.passkey import PasskeyQuery
from harka.graph.types.path import LearningPathQuery
from harka.graph.types.path_enrollment import LearningPathEnrollmentQuery
from harka.graph.types.progress import LessonProgress
from harka.graph.types.quiz import QuizQuery
from harka.graph.types.quiz_attempt import QuizAttempt
from harka.graph.types.quiz_question import QuizQuestion
from harka.graph.types.role import RoleQuery
from harka.graph.types.scim_token import ScimTokenQuery
from harka.graph.types.search import SearchQuery
from harka.graph.types.session import SessionQuery
from harka.graph.types.sso import SsoQuery
from harka.graph.types.submission import SubmissionQuery
from harka.graph.types.tag import TagQuery
from harka.graph.types.user import UserQuery
from harka.graph.types.viewer import ViewerQuery
from harka.graph.types.webhook_delivery import WebhookDeliveryQuery
from harka.graph.types.webhook_endpoint import WebhookEndpointQuery


@strawberry.type(description="Everything that can be read.")
class Query(
    SubmissionQuery,
    SsoQuery,
    ScimTokenQuery,
    ViewerQuery,
    MailSenderQuery,
    OrganizationQuery,
    UserQuery,
    GroupQuery,
    InvitationQuery,
    RoleQuery,
    CourseQuery,
    EnrollmentQuery,
    AnalyticsQuery,
    CertificateQuery,
    SearchQuery,
    BrandingQuery,
    QuizQuery,
    ApiKeyQuery,
    SessionQuery,
    PasskeyQuery,
    DomainQuery,
    FileQuery,
    CategoryQuery,
    TagQuery,
    LearningPathQuery,
    LearningPathEnrollmentQuery,
    JobQuery,
    EventQuery,
    WebhookEndpointQuery,
    WebhookDeliveryQuery,
    BulkChangeQuery,
    BulkOperationQuery,
    NodeQuery,
):
    pass


@strawberry.type(
    description="Everything that can be changed. The mutations of one request share one transaction, "
    "committed before the answer leaves; one that is refused undoes only itself."
)
class Mutation(
    ApiKeyMutation,
    PasswordMutation,
    SessionMutation,
    PasskeyMutation,
    SsoMutation,
    SsoKeyMutation,
    ScimTokenMutation,
    TotpMutation,
    AssignmentMutation,
    SubmissionMutation,
    BrandingMutation,
    BulkEnrollmentMutation,
    BulkUserMutation,
    BulkOperationMutation,
    ContentMutation,
    CategoryMutation,
    CourseCloneMutation,
    CertificateMutation,
    CourseMutation,
    DomainMutation,
    EnrollmentMutation,
    OwnEnrollmentMutation,
    ViewerMutation,
    MailSubscriptionMutation,
    MailSenderMutation,
    FileMutation,
    GroupMutation,
    GroupManagerMutation,
    GroupMemberMutation,
    InvitationMutation,
    JobMutation,
    LearningPathMutation,
    LearningPathEnrollmentMutation,
    LessonMutation,
    ModuleMutation,
    OrganizationMutation,
    ProgressMutation,
    ProgressBatchMutation,
    QuizMutation,
    QuizAttemptMutation,
    QuizQuestionMutation,
    TagMutation,
    RoleMutation,
    UnlockMutation,
    UserMutation,
    WaiverMutation,
    WebhookDeliveryMutation,
    WebhookEndpointMutation,
):
    pass


@strawberry.type(description="Everything that can be listened to, by WebSocket or by server-sent events.")
class Subscription(
    AnalyticsSubscription,
    CompletionSubscription,
    CourseSubscription,
    JobSubscription,
    ProgressSubscription,
    SubmissionSubscription,
):
    pass


class _Schema(strawberry.Schema):
    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """Log nothing: the default writes a traceback for a client's mistake, `errors` knows a bug."""


@functools.cache
def build() -> strawberry.Schema:
    return _Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[
            Assignment,
            Module,
            Lesson,
            ContentItem,
            LessonProgress,
            Completion,
            QuizAttempt,
            QuizQuestion,
        ],
        config=StrawberryConfig(sort_schema=True, scalar_map={datetime: DATE_TIME}),
    )


def core() -> GraphQLSchema:
    """What graphql-core executes."""
    return build()._schema  # noqa: SLF001 - Strawberry has no public name for it


def sdl() -> str:
    """The schema as text, sorted: what `schema.graphql` holds."""
    return build().as_str() + "\n"
