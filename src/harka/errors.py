"""Every failure a client can meet, as one tree.

HarkaError
├── BadRequestError            BAD_REQUEST          400
│   ├── InvalidIdError         INVALID_ID           400
│   ├── InvalidCursorError     INVALID_CURSOR       400
│   ├── CursorExpiredError     CURSOR_EXPIRED       400   something that came after it is kept no more
│   ├── ValidationError        VALIDATION_FAILED    400
│   │   ├── ContrastError      CONTRAST_TOO_LOW     400   of a colour; the message tells the measured ratio
│   │   └── TakenError         VALIDATION_FAILED    400   on purpose its parent's code; SCIM says 409
│   ├── ScimRequestError       SCIM_REQUEST_INVALID 400   says what is wrong by a keyword of RFC 7644
│   ├── DocumentSyntaxError    GRAPHQL_PARSE_FAILED 400
│   ├── DocumentInvalidError   GRAPHQL_VALIDATION_FAILED 400
│   ├── DocumentLimitError     GRAPHQL_LIMIT_EXCEEDED 400
│   ├── PersistedQueryNotFoundError PERSISTED_QUERY_NOT_FOUND 400
│   └── PersistedDocumentRequiredError PERSISTED_DOCUMENT_REQUIRED 400
├── UnauthenticatedError       UNAUTHENTICATED      401
│   ├── WrongPasswordError     WRONG_CREDENTIALS    401   whatever is wrong with them
│   ├── SecondFactorError      SECOND_FACTOR_REQUIRED 401 the password is right, and a code is asked for
│   ├── SsoRequiredError       SSO_REQUIRED         401   passwords are forbidden, right ones too
│   └── SsoRefusedError        SSO_REFUSED          401   admins read why in `ssoAttempts`
├── ForbiddenError             FORBIDDEN            403
│   ├── PlanLimitError         PLAN_LIMIT_REACHED   403   the plan refuses, not the actor's rights; says where
│   │   └── QueueLimitError    QUEUE_LIMIT_EXCEEDED 403   of jobs that wait
│   ├── FeatureNotInPlanError  FEATURE_NOT_IN_PLAN  403   says which feature, and which plan has it
│   ├── TenantMismatchError    FORBIDDEN            403   on purpose the same code and text as its parent
│   └── TenantSuspendedError   TENANT_SUSPENDED     403
├── NotFoundError              NOT_FOUND            404
│   └── UnknownTenantError     UNKNOWN_TENANT       404
├── MethodNotAllowedError      METHOD_NOT_ALLOWED   405   says which are
├── NotAcceptableError         NOT_ACCEPTABLE       406
├── ConflictError              CONFLICT             409
│   ├── DowngradeError         DOWNGRADE_EXCEEDS_LIMITS 409 lists what must go
│   ├── CourseFullError        COURSE_FULL          409
│   ├── LessonLockedError      LESSON_LOCKED        409   its module is not open for the learner yet
│   ├── QuizRequiredError      QUIZ_REQUIRED        409   it is what finishes and marks the lesson
│   ├── AssignmentRequiredError ASSIGNMENT_REQUIRED 409 its grade is what finishes and marks the lesson
│   ├── NoAttemptLeftError     NO_ATTEMPT_LEFT      409
│   └── AttemptExpiredError    ATTEMPT_EXPIRED      409   its time is over
├── IdempotencyKeyReusedError  IDEMPOTENCY_KEY_REUSED 422
├── PreconditionFailedError    PRECONDITION_FAILED  412   it has changed since its ETag
├── PayloadTooLargeError       PAYLOAD_TOO_LARGE    413
├── UnsupportedMediaTypeError  UNSUPPORTED_MEDIA_TYPE 415
├── RangeNotSatisfiableError   RANGE_NOT_SATISFIABLE 416 says how much there is
├── RateLimitedError           RATE_LIMITED         429   says too much of what, and when to come back
│   └── QuotaExceededError     QUOTA_EXCEEDED       429   of a month's, until the next begins
├── InternalError              INTERNAL             500   the mask over everything else
│   └── TenantRequiredError    INTERNAL             500   a bug: tenant-scoped thing opened without a tenant
├── NotSupportedError          NOT_SUPPORTED        501
├── UnavailableError           UNAVAILABLE          503
│   └── OverloadedError        OVERLOADED           503   refused unread; nothing was done
└── DeadlineExceededError      DEADLINE_EXCEEDED    504

The first line of a class's docstring is its default message; `code` is stable, clients may branch on it. Any
of them may name the field of the input that is to be mended.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple


class HarkaError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "INTERNAL"
    status: ClassVar[int] = 500

    def __init__(self, message: str | None = None, *, field: str | None = None) -> None:
        """`field`: of the input that is to be mended, in the client's spelling."""
        self.message = message or type(self).default_message()
        self.field = field
        super().__init__(self.message)

    @classmethod
    def default_message(cls) -> str:
        return (cls.__doc__ or "").partition("\n")[0]

    def extensions(self) -> dict[str, Any]:
        """What a client sees beside the message, under `extensions`."""
        return {"code": self.code} if self.field is None else {"code": self.code, "field": self.field}


class BadRequestError(HarkaError):
    """The request is malformed."""

    code = "BAD_REQUEST"
    status = 400


class InvalidIdError(BadRequestError):
    """This id does not name anything here."""

    code = "INVALID_ID"


class InvalidCursorError(BadRequestError):
    """This cursor does not belong to this list."""

    code = "INVALID_CURSOR"


class CursorExpiredError(BadRequestError):
    """What came after this cursor is kept no more: read your copy anew, and begin without a cursor."""

    code = "CURSOR_EXPIRED"


class ValidationError(BadRequestError):
    """A value is not acceptable."""

    code = "VALIDATION_FAILED"


class ContrastError(ValidationError):
    """This colour cannot be told apart."""

    code = "CONTRAST_TOO_LOW"


class TakenError(ValidationError):
    """Somebody else has this already."""


class ScimRequestError(BadRequestError):
    """The SCIM request is malformed."""

    code = "SCIM_REQUEST_INVALID"

    def __init__(self, message: str, kind: str) -> None:
        """`kind`: a `scimType` of RFC 7644, section 3.12."""
        super().__init__(message)
        self.kind = kind


class DocumentSyntaxError(BadRequestError):
    """The document is not GraphQL."""

    code = "GRAPHQL_PARSE_FAILED"


class DocumentInvalidError(BadRequestError):
    """The document or its variables do not fit the schema."""

    code = "GRAPHQL_VALIDATION_FAILED"


class DocumentLimitError(BadRequestError):
    """The document asks for too much at once."""

    code = "GRAPHQL_LIMIT_EXCEEDED"


class PersistedQueryNotFoundError(BadRequestError):
    """PersistedQueryNotFound"""  # noqa: D400, D415 - clients look for this word, and then send the text

    code = "PERSISTED_QUERY_NOT_FOUND"


class PersistedDocumentRequiredError(BadRequestError):
    """Only registered documents are executed here."""

    code = "PERSISTED_DOCUMENT_REQUIRED"


class UnauthenticatedError(HarkaError):
    """Valid credentials are needed."""

    code = "UNAUTHENTICATED"
    status = 401


class WrongPasswordError(UnauthenticatedError):
    """The address, the password or the code is not right."""

    code = "WRONG_CREDENTIALS"

    def __init__(self, message: str | None = None, *, detail: str = "") -> None:
        """`detail`: what it was, for admins: whoever tries is not told."""
        super().__init__(message)
        self.detail = detail


class SecondFactorError(UnauthenticatedError):
    """The code of your second device is needed, too."""

    code = "SECOND_FACTOR_REQUIRED"


class SsoRequiredError(UnauthenticatedError):
    """Passwords are not accepted here: use your organization's own sign-in."""

    code = "SSO_REQUIRED"


class SsoRefusedError(UnauthenticatedError):
    """The sign-in did not succeed. An administrator of the organization can see why."""

    code = "SSO_REFUSED"

    def __init__(self, outcome: str, detail: str = "") -> None:
        """`outcome`: one of `learning.sso.SsoOutcome`; `detail`: for admins, without secrets."""
        super().__init__()
        self.outcome, self.detail = outcome, detail


class ForbiddenError(HarkaError):
    """This is not allowed."""

    code = "FORBIDDEN"
    status = 403


class PlanLimitError(ForbiddenError):
    """The organization's plan does not allow more."""

    code = "PLAN_LIMIT_REACHED"

    def __init__(
        self,
        message: str | None = None,
        *,
        field: str | None = None,
        resource: str | None = None,
        limit: int = 0,
        used: int = 0,
    ) -> None:
        """`resource`: None where every plan has the same; else all are as `organization.quota` tells them."""
        super().__init__(message, field=field)
        self.resource = resource
        self.limit = limit
        self.used = used

    def extensions(self) -> dict[str, Any]:
        told = super().extensions()
        if self.resource is not None:
            told |= {"resource": self.resource.upper(), "limit": self.limit, "used": self.used}
        return told


class FeatureNotInPlanError(ForbiddenError):
    """The organization's plan does not have this feature."""

    code = "FEATURE_NOT_IN_PLAN"

    def __init__(self, feature: str, plan: str | None, *, field: str | None = None) -> None:
        """`feature`: in the client's spelling. `plan`: the smallest that would bring it; None where none."""
        where = "its own terms turn it off, whatever the plan" if plan is None else f"the plan {plan} has it"
        super().__init__(f"{feature} is not available to this organization: {where}.", field=field)
        self.feature, self.plan = feature, plan

    def extensions(self) -> dict[str, Any]:
        return {**super().extensions(), "feature": self.feature, "plan": self.plan}


class QueueLimitError(PlanLimitError):
    """As many jobs wait as the organization's plan allows: try again when some are done."""

    code = "QUEUE_LIMIT_EXCEEDED"


class TenantMismatchError(ForbiddenError):
    """This is not allowed."""


class TenantSuspendedError(ForbiddenError):
    """This organization is suspended."""

    code = "TENANT_SUSPENDED"


class NotFoundError(HarkaError):
    """There is no such thing here."""

    code = "NOT_FOUND"
    status = 404


class UnknownTenantError(NotFoundError):
    """No organization answers at this address."""

    code = "UNKNOWN_TENANT"


class MethodNotAllowedError(HarkaError):
    """The method is not allowed here."""

    code = "METHOD_NOT_ALLOWED"
    status = 405

    def __init__(self, message: str | None = None, *, allow: str) -> None:
        """`allow`: the methods that are, as in the `Allow` header."""
        super().__init__(message)
        self.allow = allow


class NotAcceptableError(HarkaError):
    """None of the accepted media types can be answered with."""

    code = "NOT_ACCEPTABLE"
    status = 406


class ConflictError(HarkaError):
    """Someone else changed this meanwhile; read it again."""

    code = "CONFLICT"
    status = 409


class Excess(NamedTuple):
    """What there is too much of for a limit, in the unit of `resource` in `organization.quota`."""

    resource: str
    used: float
    limit: float

    @property
    def over(self) -> float:
        """How much must go."""
        return self.used - self.limit


class DowngradeError(ConflictError):
    """More is in use than the new terms allow."""

    code = "DOWNGRADE_EXCEEDS_LIMITS"

    def __init__(self, excess: Sequence[Excess], dependents: Sequence[tuple[str, str, str]] = ()) -> None:
        """`dependents`: feature, kind and name of what would stop, as in `repositories.dependent`."""
        told = [f"{each.over:,.0f} of {each.resource} too many" for each in excess]
        kinds = Counter((feature, kind.replace("_", " ")) for feature, kind, _ in dependents)
        told += [f"{n} {kind}{'s' * (n > 1)} without {feature}" for (feature, kind), n in kinds.items()]
        super().__init__(f"More is in use than the new terms allow: {', '.join(told)}.")
        self.excess, self.dependents = tuple(excess), tuple(dependents)

    def extensions(self) -> dict[str, Any]:
        listed = [{**each._asdict(), "over": each.over} for each in self.excess]
        dependents = [{"feature": what, "kind": kind, "name": name} for what, kind, name in self.dependents]
        return {**super().extensions(), "excess": listed, "dependents": dependents}


class CourseFullError(ConflictError):
    """No seat of this course is free."""

    code = "COURSE_FULL"


class LessonLockedError(ConflictError):
    """This lesson is locked: its module is not open for the learner yet."""

    code = "LESSON_LOCKED"


class QuizRequiredError(ConflictError):
    """This lesson is finished and marked by its quiz."""

    code = "QUIZ_REQUIRED"


class AssignmentRequiredError(ConflictError):
    """This lesson is finished and marked by the grade of its assignment."""

    code = "ASSIGNMENT_REQUIRED"


class NoAttemptLeftError(ConflictError):
    """All attempts that this quiz allows are used up."""

    code = "NO_ATTEMPT_LEFT"


class AttemptExpiredError(ConflictError):
    """The time of this attempt is over."""

    code = "ATTEMPT_EXPIRED"


class IdempotencyKeyReusedError(HarkaError):
    """This idempotency key was used for another request."""

    code = "IDEMPOTENCY_KEY_REUSED"
    status = 422


class PreconditionFailedError(HarkaError):
    """Someone else changed this since it was read."""

    code = "PRECONDITION_FAILED"
    status = 412


class PayloadTooLargeError(HarkaError):
    """The request body is too large."""

    code = "PAYLOAD_TOO_LARGE"
    status = 413


class UnsupportedMediaTypeError(HarkaError):
    """The body's content type is not supported."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    status = 415


class RangeNotSatisfiableError(HarkaError):
    """The file ends before this part begins."""

    code = "RANGE_NOT_SATISFIABLE"
    status = 416

    def __init__(self, message: str | None = None, *, size: int) -> None:
        """`size`: of the file, in bytes."""
        super().__init__(message)
        self.size = size


class RateLimitedError(HarkaError):
    """Too many requests."""

    code = "RATE_LIMITED"
    status = 429

    def __init__(
        self,
        message: str | None = None,
        *,
        retry_after: float,
        resource: str | None = None,
        limit: float | None = None,
        resets_at: datetime | None = None,
    ) -> None:
        """`retry_after`: seconds until one more would pass.

        `resource`: what there was too much of, as `organization.quota` calls it; `limit`: how much there may
        be of it; `resets_at`: when all of it is there again.
        """
        super().__init__(message)
        self.retry_after = retry_after
        self.resource = resource
        self.limit = limit
        self.resets_at = resets_at

    def extensions(self) -> dict[str, Any]:
        told: dict[str, Any] = {**super().extensions(), "retryAfter": self.retry_after}
        if self.resource is not None:
            resets_at = None if self.resets_at is None else self.resets_at.isoformat()
            told |= {"resource": self.resource.upper(), "limit": self.limit, "resetsAt": resets_at}
        return told


class QuotaExceededError(RateLimitedError):
    """This month's quota is used up."""

    code = "QUOTA_EXCEEDED"


class InternalError(HarkaError):
    """Something went wrong on our side."""


class TenantRequiredError(InternalError):
    """A tenant-scoped resource was opened without a tenant."""


class NotSupportedError(HarkaError):
    """This is not supported here."""

    code = "NOT_SUPPORTED"
    status = 501


class UnavailableError(HarkaError):
    """The service is temporarily unavailable."""

    code = "UNAVAILABLE"
    status = 503


class OverloadedError(UnavailableError):
    """More is asked at the moment than can be answered; try again soon."""

    code = "OVERLOADED"


class DeadlineExceededError(HarkaError):
    """The request took longer than its deadline."""

    code = "DEADLINE_EXCEEDED"
    status = 504


def let_go(error: BaseException) -> None:
    """Of the frames that `error` came through, once it is told and logged; what caused it keeps its own.

    A frame that keeps the error makes a circle of all that frames hold, until the garbage collector comes.
    """
    error.__traceback__ = None
