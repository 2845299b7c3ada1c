"""A manager of one branch of a school, with one learner in it; everybody else is beyond it."""

from typing import Any

import msgspec

from harka.ids import NodeKind
from harka.learning import certificate, course, enrollment, group, group_member, lesson, progress, user
from harka.learning import group_manager as managers
from harka.learning.course import CourseDraft
from harka.learning.outline import LessonOutline, ModuleOutline
from harka.learning.user import UserDraft
from harka.repositories.certificate import Certificate
from harka.repositories.group import Group
from harka.repositories.user import User
from school import School


class Branch(msgspec.Struct, frozen=True):
    """`ours` is in `team`, which is below `top`, which `manager` manages. `stranger` is in neither."""

    school: School
    top: Group
    team: Group
    manager: User
    ours: User
    stranger: User
    certificates: dict[Any, Certificate]

    def id(self, kind: NodeKind, row: Any) -> str:
        return self.school.id(kind, row)

    def of(self, person: User) -> dict[str, str]:
        """The ids of what is a person's."""
        enrolled = self.school.enrollment_of(person, self.school.courses[0])
        taught = self.school.lessons[enrolled.course_id][0]
        return {
            "user": self.id(NodeKind.USER, person),
            "enrollment": self.id(NodeKind.ENROLLMENT, enrolled),
            "course": self.id(NodeKind.COURSE, enrolled.course_id),
            "lesson": self.id(NodeKind.LESSON, taught),
            "certificate": self.id(NodeKind.CERTIFICATE, self.certificates[person.id]),
            "certified": self.id(NodeKind.ENROLLMENT, self.certificates[person.id].enrollment_id),
            "group": self.id(NodeKind.GROUP, self.top),
        }


async def branch_of(school: School, *, role: str = "manager") -> Branch:
    """Both learners have a certificate of a course of their own kind."""
    ours, stranger = school.learner, school.other
    async with school.work() as work:
        draft = UserDraft(email=f"{role}@branches.example", name="Manager", role=role)
        manager = await user.create(work, draft)
        top = await group.create(work, name="North")
        team = await group.create(work, name="Team", parent_id=top.id)
        await group_member.add(work, team.id, [ours.id])
        await managers.assign(work, top.id, manager.id)
        certified = await course.create(
            work,
            CourseDraft(
                title="Certified",
                code="CERT",
                modules=(ModuleOutline("Only", (LessonOutline("Only"),)),),
                published=True,
                awards_certificate=True,
                certificate_days=30,
            ),
        )
        ((only,),) = (await lesson.by_course(work, [certified.id])).values()
        found = {}
        for person in (ours, stranger):
            enrolled = await enrollment.enroll(work, user_id=person.id, course_id=certified.id)
            await progress.record(work, enrollment_id=enrolled.enrollment.id, lesson_id=only.id, fraction=1.0)
            (found[person.id],) = await certificate.list_page(work, user_id=person.id, after=None, first=2)
    return Branch(school, top, team, manager, ours, stranger, found)
