"""Who sees what. What a reader may not see is absent, never an error: no answer tells that it exists."""

from uuid import UUID

from harka.repositories.scope import Scope
from harka.tenancy.context import TenantContext
from harka.tenancy.permission import Permission


def of_courses(context: TenantContext) -> Scope:
    """Authors see every course; others the published ones and those they are enrolled in.

    Raise `UnauthenticatedError` or `ForbiddenError` for who may not read courses at all.
    """
    context.require(Permission.COURSE_READ)
    return Scope(everything=context.allows(Permission.COURSE_WRITE), user=_user(context))


def sees_by_permissions(context: TenantContext) -> bool:
    """Whether what the reader sees of courses follows from permissions alone, not from what they take."""
    return context.user is None or context.allows(Permission.COURSE_WRITE)


def of_enrollments(context: TenantContext) -> Scope:
    """Without `enrollment:read`, a person sees their own enrollments, progress and completions.

    A manager of groups sees those of the people in these groups, too.
    """
    return _all_or_own(context, Permission.ENROLLMENT_READ)


def of_users(context: TenantContext) -> Scope:
    """Without `user:read`, a person sees themselves; a manager of groups the people in these, too."""
    return _all_or_own(context, Permission.USER_READ)


def to_change(context: TenantContext) -> Scope:
    """Whose rows a writer reaches, whose permission was checked: a manager of groups, those people's."""
    manager = context.manager
    return Scope(everything=manager is None, user=_user(context), manager=manager)


def _all_or_own(context: TenantContext, permission: Permission) -> Scope:
    if context.user is None:
        # an API key without the scope, or nobody: there is no "own" to fall back to
        context.require(permission)
    allowed, manager = context.allows(permission), context.manager
    return Scope(
        everything=allowed and manager is None, user=_user(context), manager=manager if allowed else None
    )


def _user(context: TenantContext) -> UUID | None:
    return None if context.user is None else context.user.id
