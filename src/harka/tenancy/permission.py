import enum


class Permission(enum.StrEnum):
    """What an actor may do. The values are stored as API key scopes: never rename one."""

    ORGANIZATION_READ = "organization:read"
    ORGANIZATION_WRITE = "organization:write"
    """Its name and settings, how its pages look, its domains."""
    ORGANIZATION_OWN = "organization:own"
    """To make owners and to unmake them."""
    USER_READ = "user:read"
    USER_WRITE = "user:write"
    COURSE_READ = "course:read"
    COURSE_WRITE = "course:write"
    ENROLLMENT_READ = "enrollment:read"
    ENROLLMENT_WRITE = "enrollment:write"
    PROGRESS_WRITE = "progress:write"
    ANALYTICS_READ = "analytics:read"
    SUBMISSION_GRADE = "submission:grade"
    JOB_READ = "job:read"
    JOB_WRITE = "job:write"
    """To put in jobs, to cancel them and to have them tried again."""
    EVENT_READ = "event:read"
    """To read what has happened, to everybody."""
    FILE_WRITE = "file:write"
    """To upload files of one's own, and to delete them."""


EVERY_PERMISSION = frozenset(Permission)
