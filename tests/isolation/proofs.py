"""A certificate of a learning path, beside that of a course."""

from typing import TYPE_CHECKING

from harka.ids import NodeKind
from harka.learning import certificate, path, path_enrollment
from harka.learning.path import PathDraft
from harka.learning.work import UnitOfWork
from harka.repositories.enrollment import Enrollment
from harka.runtime import Runtime

if TYPE_CHECKING:
    from worlds import World


async def prove_on_path(runtime: Runtime, work: UnitOfWork, world: "World", proven: Enrollment) -> None:
    """A path whose only course somebody has completed. Lists of certificates are asked for what they have."""
    user, course, tenant = proven.user_id, proven.course_id, work.context.id
    draft = PathDraft(title=f"Way {world.canary}", course_ids=[course], awards_certificate=True)
    way = await path.create(work, draft)
    await path.publish(work, way.id)
    put = (await path_enrollment.enroll(work, path_id=way.id, user_id=user)).enrollment
    (made,) = await certificate.list_page(work, after=None, first=9, path_id=way.id)
    world.raw |= {made.serial, *(text for row in (way, put, made) for text in (str(row.id), row.id.hex))}
    for name, kind, row in (
        ("userId", NodeKind.USER, user),
        ("courseId", NodeKind.COURSE, course),
        ("learningPathId", NodeKind.LEARNING_PATH, way.id),
    ):
        world.fitting[f"CertificateFilter.{name}"] = runtime.node_ids.seal(tenant, kind, row)
