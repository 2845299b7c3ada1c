from uuid import UUID

from harka.errors import NotFoundError
from harka.learning import course
from harka.learning.course import CourseDraft
from harka.learning.work import UnitOfWork
from harka.repositories import course as courses
from harka.repositories import course_clone as clones
from harka.repositories.course import Course
from harka.tenancy.permission import Permission


async def clone(
    work: UnitOfWork, id_: UUID, *, code: str, slug: str | None = None, title: str | None = None
) -> Course:
    """A draft that is made of the same modules, rules, lessons, content and quizzes, in three statements.

    `title`: None for the same. Nobody is enrolled in it. Raise `NotFoundError`, and `ValidationError` for a
    code or slug that is taken too.
    """
    work.context.require(Permission.COURSE_WRITE)
    found = await courses.find_by_ids(work.session, [id_])
    if not found:
        raise NotFoundError("There is no such course here.")
    source = found[0]
    draft = CourseDraft(
        title=source.title if title is None else title,
        code=code,
        slug=slug,
        description=source.description,
        seats=source.seats,
        completion_percent=source.completion_percent,
        awards_certificate=source.awards_certificate,
        certificate_days=source.certificate_days,
        category_id=source.category_id,
        self_enrollment=source.self_enrollment,
    )
    made = await course.create(work, draft)
    await clones.copy(work.session, id_, made.id)
    return made
