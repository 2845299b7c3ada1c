import enum

from harka.errors import (
    AssignmentRequiredError,
    AttemptExpiredError,
    ConflictError,
    ContrastError,
    CourseFullError,
    CursorExpiredError,
    FeatureNotInPlanError,
    InvalidIdError,
    LessonLockedError,
    NoAttemptLeftError,
    NotFoundError,
    PlanLimitError,
    QueueLimitError,
    QuizRequiredError,
    ValidationError,
)


class UserErrorCode(enum.StrEnum):
    """Of `graph.atomic.MENDABLE`."""

    ASSIGNMENT_REQUIRED = AssignmentRequiredError.code
    ATTEMPT_EXPIRED = AttemptExpiredError.code
    CONFLICT = ConflictError.code
    CONTRAST_TOO_LOW = ContrastError.code
    COURSE_FULL = CourseFullError.code
    CURSOR_EXPIRED = CursorExpiredError.code
    FEATURE_NOT_IN_PLAN = FeatureNotInPlanError.code
    INVALID_ID = InvalidIdError.code
    LESSON_LOCKED = LessonLockedError.code
    NO_ATTEMPT_LEFT = NoAttemptLeftError.code
    NOT_FOUND = NotFoundError.code
    PLAN_LIMIT_REACHED = PlanLimitError.code
    QUEUE_LIMIT_EXCEEDED = QueueLimitError.code
    QUIZ_REQUIRED = QuizRequiredError.code
    VALIDATION_FAILED = ValidationError.code
