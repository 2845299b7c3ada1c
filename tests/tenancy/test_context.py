import msgspec
import pytest

from harka.errors import ForbiddenError, UnauthenticatedError
from harka.ids import new_id
from harka.tenancy.context import ANONYMOUS, Actor, ActorKind, TenantContext, job_context, operator_context
from harka.tenancy.permission import Permission
from tenancy.samples import organization

ACME = organization("acme", settings={"theme": "dark"})


def test_a_permission_that_is_held_is_granted() -> None:
    context = TenantContext(
        organization=ACME,
        actor=Actor(ActorKind.API_KEY, new_id()),
        permissions=frozenset({Permission.COURSE_READ}),
    )
    context.require(Permission.COURSE_READ)
    assert context.allows(Permission.COURSE_READ)
    assert not context.allows(Permission.COURSE_WRITE)


def test_who_signed_in_without_the_permission_is_forbidden() -> None:
    context = TenantContext(organization=ACME, actor=Actor(ActorKind.USER, new_id()))
    with pytest.raises(ForbiddenError):
        context.require(Permission.COURSE_READ)


def test_who_did_not_sign_in_is_asked_to() -> None:
    with pytest.raises(UnauthenticatedError):
        TenantContext(organization=ACME, actor=ANONYMOUS).require(Permission.COURSE_READ)


def test_a_context_speaks_for_its_organization() -> None:
    context = operator_context(ACME)
    assert (context.id, context.settings) == (ACME.id, {"theme": "dark"})


def test_a_context_never_changes() -> None:
    with pytest.raises(AttributeError):
        operator_context(ACME).permissions = frozenset()  # type: ignore[misc] # that is the point


@pytest.mark.parametrize("permission", Permission)
def test_jobs_and_operators_may_do_everything(permission: Permission) -> None:
    job = new_id()
    running = job_context(ACME, job, "recount")
    running.require(permission)
    operator_context(ACME).require(permission)
    assert msgspec.structs.astuple(running.actor) == (ActorKind.JOB, job, "recount")
