"""What lists are ordered by, described for clients. Rows that are equal in it go by their id."""

from harka.graph.enums import _describe as describe
from harka.repositories.api_key import ApiKeyOrder
from harka.repositories.branding import BrandingOrder
from harka.repositories.bulk_change import BulkChangeOrder
from harka.repositories.bulk_operation import BulkOperationOrder
from harka.repositories.category import CategoryOrder
from harka.repositories.certificate_list import CertificateOrder
from harka.repositories.course_version import CourseVersionOrder
from harka.repositories.domain import DomainOrder
from harka.repositories.event import EventOrder
from harka.repositories.group import GroupOrder
from harka.repositories.invitation import InvitationOrder
from harka.repositories.passkey import PasskeyOrder
from harka.repositories.path import LearningPathOrder
from harka.repositories.path_enrollment_list import LearningPathEnrollmentOrder
from harka.repositories.quiz_attempt_list import QuizAttemptOrder
from harka.repositories.role import CustomRoleOrder
from harka.repositories.scim_token import ScimTokenOrder
from harka.repositories.session import SessionOrder
from harka.repositories.sso import SsoConnectionOrder
from harka.repositories.sso_attempt import SsoAttemptOrder
from harka.repositories.submission import SubmissionOrder
from harka.repositories.tag import TagOrder
from harka.repositories.webhook_delivery import WebhookDeliveryOrder
from harka.repositories.webhook_endpoint import WebhookEndpointOrder

__all__ = [
    "ApiKeyOrder",
    "BrandingOrder",
    "BulkChangeOrder",
    "BulkOperationOrder",
    "CategoryOrder",
    "CertificateOrder",
    "CourseVersionOrder",
    "CustomRoleOrder",
    "DomainOrder",
    "EventOrder",
    "GroupOrder",
    "InvitationOrder",
    "LearningPathEnrollmentOrder",
    "LearningPathOrder",
    "PasskeyOrder",
    "QuizAttemptOrder",
    "ScimTokenOrder",
    "SessionOrder",
    "SsoAttemptOrder",
    "SsoConnectionOrder",
    "SubmissionOrder",
    "TagOrder",
    "WebhookDeliveryOrder",
    "WebhookEndpointOrder",
]

_NAME = "What they are called, in the collation of the database."

describe(
    ApiKeyOrder,
    "What API keys are ordered by. Equal ones go by their id.",
    created_at="When they were made.",
    name=_NAME,
)

describe(
    BrandingOrder,
    "What versions of the branding are ordered by. Equal ones go by their id.",
    created_at="When they were begun.",
)

describe(
    BulkChangeOrder,
    "What bulk changes are ordered by. Equal ones go by their id.",
    created_at="When they were asked for.",
)

describe(
    BulkOperationOrder,
    "What bulk operations are ordered by. Equal ones go by their id.",
    created_at="When they were asked for.",
)

describe(
    CategoryOrder,
    "What categories are ordered by. Equal ones go by their id.",
    name=_NAME,
    created_at="When they were created.",
)

describe(
    CertificateOrder,
    "What certificates are ordered by. Equal ones go by their id.",
    created_at="When they were written.",
    expires_at="When they end. Those that never do come after all others.",
)

describe(
    CourseVersionOrder,
    "What versions of a course are ordered by. Equal ones go by their id.",
    created_at="When they were written.",
    number="Which time the course was published.",
)

describe(
    CustomRoleOrder,
    "What roles are ordered by. Equal ones go by their id.",
    created_at="When they were created.",
    name=_NAME,
)

describe(
    DomainOrder,
    "What domains are ordered by. Equal ones go by their id.",
    created_at="When they were claimed.",
    name="What they are called.",
)

describe(
    EventOrder,
    "What events are ordered by. Equal ones go by their id.",
    xid="The order that can be relied on: whoever goes on from the oldest misses nothing.",
)

describe(
    GroupOrder,
    "What groups are ordered by. Equal ones go by their id.",
    created_at="When they were created.",
    name=_NAME,
)

describe(
    InvitationOrder,
    "What invitations are ordered by. Equal ones go by their id.",
    created_at="When they were made.",
)

describe(
    LearningPathEnrollmentOrder,
    "What who is on learning paths is ordered by. Equal ones go by their id.",
    created_at="When they were put on it.",
)

describe(
    LearningPathOrder,
    "What learning paths are ordered by. Equal ones go by their id.",
    created_at="When they were created.",
    title=_NAME,
    updated_at="When they last changed. What changes while a client reads on moves to its new place.",
)

describe(
    PasskeyOrder,
    "What passkeys are ordered by. Equal ones go by their id.",
    created_at="When they were made.",
    name=_NAME,
)

describe(
    QuizAttemptOrder,
    "What attempts at quizzes are ordered by. Equal ones go by their id.",
    created_at="When they were begun.",
    submitted_at="When they were submitted. Those that are not come before all others.",
    percent="How many points in a hundred they earned. Those that are not submitted come before all others.",
)

describe(
    ScimTokenOrder,
    "What SCIM tokens are ordered by. Equal ones go by their id.",
    created_at="When they were made.",
    name=_NAME,
)

describe(
    SessionOrder,
    "What sessions are ordered by. Equal ones go by their id.",
    created_at="When they began.",
)

describe(
    SsoAttemptOrder,
    "What attempts to come in are ordered by. Equal ones go by their id.",
    created_at="When they were made.",
)

describe(
    SsoConnectionOrder,
    "What providers are ordered by. Equal ones go by their id.",
    created_at="When they were made.",
    name=_NAME,
)

describe(
    SubmissionOrder,
    "What submissions are ordered by. Equal ones go by their id.",
    created_at="When they were first handed in.",
    submitted_at="When they were handed in last. What is handed in anew while a client reads on moves.",
)

describe(
    TagOrder,
    "What tags are ordered by. Equal ones go by their id.",
    name=_NAME,
    created_at="When they were created.",
)

describe(
    WebhookDeliveryOrder,
    "What deliveries are ordered by. Equal ones go by their id.",
    created_at="When they were put in.",
)

describe(
    WebhookEndpointOrder,
    "What endpoints are ordered by. Equal ones go by their id.",
    created_at="When they were made.",
)
