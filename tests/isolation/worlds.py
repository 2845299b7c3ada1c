"""Tenants that look alike and differ in one secret word: whoever sees another's word has found a leak."""

import secrets
import time
from base64 import b32decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from belongings import claim, make_keys
from furnishing import brand, plant_tree, populate_files
from jobs import ask_for_all, change_many, employ
from places import NODE
from proofs import prove_on_path
from providers import carry, connect
from quizzing import give_quizzes
from telling import by_own_server, hook, told

from harka import clock
from harka.auth import token
from harka.auth.password import hash_password
from harka.auth.permissions import permissions_of
from harka.auth.totp import STEP_SECONDS, code_at
from harka.ids import NodeKind
from harka.learning import (
    assignment,
    category,
    certificate,
    completion,
    content,
    course,
    course_version,
    enrollment,
    invitation,
    lesson,
    password,
    path,
    path_enrollment,
    progress,
    role,
    session,
    submission,
    tag,
    totp,
    user,
)
from harka.learning.assignment import AssignmentDraft
from harka.learning.content import ContentDraft
from harka.learning.course import CourseDraft
from harka.learning.invitation import InvitationDraft
from harka.learning.outline import LessonOutline, ModuleOutline
from harka.learning.path import PathDraft
from harka.learning.user import UserDraft
from harka.learning.work import UnitOfWork, unit_of_work
from harka.repositories import password as passwords
from harka.repositories import signing_key as signing_keys
from harka.repositories import tag as tags
from harka.repositories.course import Course
from harka.repositories.organization import Organization
from harka.repositories.path import LearningPath
from harka.repositories.path_enrollment import PathEnrollment
from harka.repositories.user import User
from harka.runtime import Runtime
from harka.storage.statement import Statement
from harka.tenancy.context import Actor, ActorKind, TenantContext, operator_context

PEOPLE = (("ada@example.com", "owner"), ("bob@example.com", "instructor"), ("cyd@example.com", "learner"))
CODES = ("MATH-1", "BIO-2", "ART-3")
PASSWORD = "vexed kiln plumage 4"
_HASH = hash_password(PASSWORD)
SOMETHING = "Course"  # where any type will do


@dataclass
class World:
    """One tenant, how to speak as it, and everything that may never be seen elsewhere.

    `own`: the id of one row of each type. They belong together: what takes several of them accepts these.
    """

    organization: Organization
    canary: str
    owner: str = ""
    learner: str = ""
    api_key: str = ""
    scim: str = ""
    refresh_token: str = ""
    cookies: dict[str, str] = field(default_factory=dict)  # by address
    raw: set[str] = field(default_factory=set)  # ids as the database and the log write them
    enrollment: UUID = field(default_factory=lambda: UUID(int=0))
    own: dict[str, str] = field(default_factory=dict)  # by type
    fitting: dict[str, Any] = field(default_factory=dict)  # by coordinate, where not any id of the type fits
    ids: set[str] = field(default_factory=set)
    cursors: dict[str, set[str]] = field(default_factory=dict)  # by the list they are of
    # put together once, of so many of each
    _secrets: tuple[tuple[int, ...], frozenset[str]] = ((), frozenset())
    harmless: set[str] = field(default_factory=set)  # texts in which these secrets were looked for

    @property
    def name(self) -> str:
        return self.organization.slug

    def id_of(self, type_name: str) -> str:
        """Of a row of this type, or of any interface. Raise `LookupError`."""
        if type_name == NODE:
            return self.own[SOMETHING]
        if type_name not in self.own:
            raise LookupError(
                f"no {type_name} in the worlds: answer one in `_study`, tests/isolation/worlds.py"
            )
        return self.own[type_name]

    def cursor_of(self, place: str) -> str:
        """Of a list, `Course.enrollments`. Raise `LookupError`."""
        if place not in self.cursors:
            raise LookupError(f"nothing in the list {place}: see `_study`, tests/isolation/worlds.py")
        return min(self.cursors[place])

    def all_cursors(self) -> list[str]:
        """One of each list."""
        return [self.cursor_of(place) for place in sorted(self.cursors)]

    def secrets(self) -> frozenset[str]:
        """Whatever must not appear in an answer or a log line of another tenant."""
        sizes = (*map(len, (self.raw, self.ids, self.own)), *map(len, self.cursors.values()))
        if sizes != self._secrets[0]:
            words = self.raw.union(self.ids, self.own.values(), *self.cursors.values())
            self._secrets = sizes, frozenset({self.canary, self.organization.slug, *words})
            self.harmless.clear()
        return self._secrets[1]

    def learn(self, answer: Any) -> None:
        """Collect ids and cursors from an answer of the tenant's own."""
        for place, key, value in _leaves(answer, ""):
            if key.rpartition("_")[2] == "id":
                self.ids.add(value)
            elif key.lower().endswith("cursor"):
                self.cursors.setdefault(place, set()).add(value)


def _leaves(value: Any, place: str) -> Iterator[tuple[str, str, str]]:
    """Texts with their keys; `place`: of which list they are, `Course.enrollments`."""
    if isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, place)
    elif isinstance(value, dict):
        owner = value.get("__typename", "")
        for key, inner in value.items():
            if isinstance(inner, str):
                yield place, key, inner
            elif isinstance(inner, dict) and inner.get("__typename", "").endswith("Connection"):
                yield from _leaves(inner, f"{owner}.{key.rpartition('_')[2]}")
            else:
                yield from _leaves(inner, place)


async def populate(runtime: Runtime, organization: Organization, issuer: str) -> World:
    """The same people, codes and slugs in every tenant; only the words differ.

    `issuer`: a provider that answers.
    """
    world = World(organization, canary=f"canary{secrets.token_hex(8)}")
    world.raw |= {str(organization.id), organization.id.hex}
    async with unit_of_work(
        runtime.databases,
        runtime.cache,
        runtime.pubsub,
        operator_context(organization),
        read_only=False,
        timeout=30,
    ) as work:
        people = await user.create_many(
            work,
            [UserDraft(email=email, name=f"{role} {world.canary}", role=role) for email, role in PEOPLE],
        )
        rows = await _study(runtime, work, world, people)
        branch, rows[NodeKind.GROUP], team = await plant_tree(work, world, people)
        rows[NodeKind.BRANDING] = await brand(work, world)
        held, unheld = [
            await role.create(work, name=f"{word} {world.canary}", permissions=["course:read"])
            for word in ("Held", "Unheld")
        ]
        helper = UserDraft(email="dee@example.com", name=f"helper {world.canary}", role_id=held.id)
        holder = await user.create(work, helper)
        world.raw |= {text for row in (held, unheld, holder) for text in (str(row.id), row.id.hex)}
        rows[NodeKind.CUSTOM_ROLE] = held.id
        rows[NodeKind.INVITATION], waiting = await _invite(work, world, rows)
        rows[NodeKind.TENANT_JOB], dead = await employ(work, world.canary, rows)
        many = await change_many(work, world.canary, rows)
        rows[NodeKind.BULK_CHANGE] = many.id
        asked = await ask_for_all(work, world.canary, runtime.keyring.seal)
        rows[NodeKind.BULK_OPERATION] = asked.id
        known = (rows[NodeKind.TENANT_JOB], dead, many.id, many.job_id, asked.id, asked.job_id)
        world.raw |= {text for row in known for text in (str(row), row.hex)}
        rows[NodeKind.PASSKEY] = await carry(work, world, people)
        rows[NodeKind.SESSION] = await _identify(runtime, work, world, people)
        rows |= await connect(runtime, work, world, rows[NodeKind.USER], issuer)
    rows[NodeKind.EVENT], events = await told(runtime, organization)
    world.raw |= {text for row in events for text in (str(row), row.hex)}
    rows |= await hook(runtime, organization, world)
    rows[NodeKind.MAIL_SENDER] = await by_own_server(runtime, organization, world)
    rows[NodeKind.DOMAIN] = await claim(runtime, world)
    rows[NodeKind.API_KEY], rows[NodeKind.SCIM_TOKEN] = await make_keys(runtime, world)
    for kind, row in {NodeKind.ORGANIZATION: organization.id, **rows}.items():
        world.own[type_of(kind)] = runtime.node_ids.seal(organization.id, kind, row)
    for coordinate, row in (("UpdateGroupInput.parentId", branch), ("DeleteGroupInput.id", team)):
        world.fitting[coordinate] = runtime.node_ids.seal(organization.id, NodeKind.GROUP, row)
    world.fitting["DeleteRoleInput.id"] = runtime.node_ids.seal(
        organization.id, NodeKind.CUSTOM_ROLE, unheld.id
    )
    world.fitting["RetryJobInput.id"] = runtime.node_ids.seal(organization.id, NodeKind.TENANT_JOB, dead)
    world.fitting["RevokeInvitationInput.id"] = runtime.node_ids.seal(
        organization.id, NodeKind.INVITATION, waiting
    )
    world.fitting["Query.branding(host:)"] = f"{organization.slug}.{runtime.settings.platform_domain}"
    world.owner = await _token(runtime, world, people[0].id)
    world.learner = await _token(runtime, world, people[2].id)
    await runtime.directory.reread(organization.id)
    return world


_COME = Statement(
    "test.come",
    """UPDATE {schema}.invitation SET accepted_at = now(), user_id = $3::uuid, invited_by = $3::uuid
    WHERE tenant_id = $1 AND id = $2::uuid""",
)


async def _invite(work: UnitOfWork, world: World, rows: dict[NodeKind, UUID]) -> tuple[UUID, UUID]:
    """Two with the tenant's word in their address. The first is somebody here since, the other is awaited."""
    done, waiting = [
        await invitation.invite(
            work,
            InvitationDraft(email=f"{word}{world.canary}@example.com", group_ids=[rows[NodeKind.GROUP]]),
        )
        for word in ("done", "waiting")
    ]
    await work.session.execute(_COME, done.invitation.id, rows[NodeKind.USER])
    world.fitting["AcceptInvitationInput.token"] = waiting.token
    world.fitting["InviteUserInput.expiresAt"] = (clock.now() + timedelta(days=1)).isoformat()
    for made in (done, waiting):
        world.raw |= {made.token, str(made.invitation.id), made.invitation.id.hex}
    return done.invitation.id, waiting.invitation.id


async def _identify(runtime: Runtime, work: UnitOfWork, world: World, people: list[User]) -> UUID:
    """Everybody has a password and a session, the owner a second device to confirm. Answers a session."""
    device = session.Device("browser", "203.0.113.7", f"Browser {world.canary}")
    for person in people:
        await passwords.set_hash(work.session, person.id, _HASH)
        begun = await session.begin(work, runtime.keyring.session, person.id, device)
        world.raw |= {begun.token, str(begun.session.id), begun.session.id.hex}
        world.cookies[person.email] = begun.token
    app = await session.begin(work, runtime.keyring.session, people[0].id, session.Device("app"))
    world.refresh_token = app.token
    world.raw |= {app.token, str(app.session.id), app.session.id.hex}
    as_owner = _acting(runtime, work, world, people[0])
    secret = b32decode((await totp.propose(as_owner, runtime.keyring)).secret)
    world.fitting["ConfirmTotpInput.code"] = lambda: code_at(secret, int(time.time()) // STEP_SECONDS)
    reset = await password.allow_reset(work, people[1].id)
    world.fitting["ResetPasswordInput.token"] = reset.token
    world.raw.add(reset.token)
    return begun.session.id


def type_of(kind: NodeKind) -> str:
    return kind.name.title().replace("_", "")


async def _ways(
    work: UnitOfWork, world: World, courses: list[Course], people: list[User]
) -> tuple[LearningPath, list[PathEnrollment]]:
    """A path that everybody is on, and who is; the first of them is on another, too."""
    way = await path.create(
        work,
        PathDraft(
            title=f"Way {world.canary}", description=world.canary, course_ids=[each.id for each in courses]
        ),
    )
    other = await path.create(work, PathDraft(title=world.canary, course_ids=[courses[0].id]))
    for each in (way, other):
        await path.publish(work, each.id)
    put = [await path_enrollment.enroll(work, path_id=way.id, user_id=person.id) for person in people]
    await path_enrollment.enroll(work, path_id=other.id, user_id=people[0].id)
    return way, [each.enrollment for each in put]


async def _study(
    runtime: Runtime, work: UnitOfWork, world: World, people: list[User]
) -> dict[NodeKind, UUID]:
    """Everybody takes every course; every other enrollment is completed. Answers one row of each kind."""
    sorted_by = await category.create(work, f"Category {world.canary}")
    about = await tag.create(work, f"Tag {world.canary}")
    courses = await course.create_many(work, [_draft(code, world.canary, sorted_by.id) for code in CODES])
    for each in courses:
        # without a new version of the course
        await tags.set_of_course(work.session, each.id, [about.id])
    lessons = await lesson.by_course(work, [each.id for each in courses])
    entries = [
        enrollment.EnrollmentEntry(user_id=person.id, course_id=each.id)
        for person in people
        for each in courses
    ]
    enrolled = await enrollment.enroll_many(work, entries)
    for done in enrolled[::2]:
        for each in lessons[done.course_id]:
            await progress.record(work, enrollment_id=done.id, lesson_id=each.id, fraction=1.0, score=80.0)
    # one that people take and that can be published
    closed = await course.create(work, _draft("OLD-4", world.canary, sorted_by.id))
    await enrollment.enroll_many(
        work, [enrollment.EnrollmentEntry(user_id=person.id, course_id=closed.id) for person in people]
    )
    await course.archive(work, closed.id)
    way, on_way = await _ways(work, world, courses, people)
    completed = await completion.by_enrollment(work, [each.id for each in enrolled])
    # the last enrollment that is begun and not completed, and what belongs to it
    begun = enrolled[-2]
    taught = lessons[begun.course_id][0]
    started = await progress.record(work, enrollment_id=begun.id, lesson_id=taught.id, fraction=0.25)
    for each in lessons[begun.course_id][1:]:
        # so that waiving the first one completes it, for who listens
        await progress.record(work, enrollment_id=begun.id, lesson_id=each.id, fraction=1.0)
    world.enrollment = begun.id
    film = await content.create(
        work,
        taught.id,
        ContentDraft(kind="video", title=f"Film {world.canary}", url=f"https://{world.canary}.example/film"),
    )
    takers = [each for each in enrolled if each.course_id == begun.course_id]
    beside_it = [each.id for each in lessons[begun.course_id] if each.id != taught.id]
    quizzes, spare, items = await give_quizzes(
        work, world, [taught.id, *beside_it], [each.id for each in takers]
    )
    as_owner = _acting(runtime, work, world, people[0])
    filed, loose = await populate_files(runtime, as_owner, world)
    shown = await content.create(
        as_owner, taught.id, ContentDraft(kind="file", title=f"Paper {world.canary}", file_id=filed.id)
    )
    modules = list(dict.fromkeys(each.module_id for each in lessons[begun.course_id]))
    beside = [each.id for each in lessons[begun.course_id] if each.module_id == taught.module_id]

    def sealed(kind: NodeKind, ids: list[UUID]) -> list[str]:
        return [runtime.node_ids.seal(world.organization.id, kind, id_) for id_ in ids]

    world.fitting = {
        "ReorderModulesInput.moduleIds": sealed(NodeKind.MODULE, modules),
        "ReorderLessonsInput.lessonIds": sealed(NodeKind.LESSON, beside),
        "ReorderContentItemsInput.contentItemIds": sealed(NodeKind.CONTENT_ITEM, [*items, shown.id, film.id]),
        "CreateContentItemInput.quizId": sealed(NodeKind.QUIZ, [spare])[0],
        "SetModuleUnlockInput.moduleId": sealed(NodeKind.MODULE, modules)[-1],
        "MoveLessonInput.moduleId": sealed(NodeKind.MODULE, modules)[-1],
        # one that is published by it, for who listens
        "PublishCourseInput.id": sealed(NodeKind.COURSE, [closed.id])[0],
        "SetModuleUnlockInput.requiredModuleIds": sealed(NodeKind.MODULE, modules[:-1]),
    }
    as_learner = _acting(runtime, work, world, people[2])
    asked, unasked = [
        await assignment.create(
            work, taught.id, AssignmentDraft(title=f"Essay {world.canary}", accepts="file")
        )
        for _ in range(2)
    ]
    essay, _ = await populate_files(runtime, as_learner, world)
    handed_in = await submission.submit(
        as_learner,
        enrollment_id=begun.id,
        assignment_id=asked.id,
        text=f"By {world.canary}",
        file_ids=[essay.id],
    )
    await submission.grade(as_owner, handed_in.id, score=1, feedback=f"Like {world.canary}", version=1)
    world.raw |= {text for row in (asked, unasked, handed_in) for text in (str(row.id), row.id.hex)}
    world.fitting["DeleteAssignmentInput.assignmentId"] = sealed(NodeKind.ASSIGNMENT, [unasked.id])[0]
    own = next(e for e in enrolled if (e.user_id, e.course_id) == (people[0].id, begun.course_id))
    for place in ("SubmitAssignmentInput.enrollmentId", "UnenrollViewerInput.id"):
        world.fitting[place] = sealed(NodeKind.ENROLLMENT, [own.id])[0]
    world.fitting["EnrollViewerInput.courseId"] = sealed(NodeKind.COURSE, [own.course_id])[0]
    # another item than the one with a file, which is looked into afterwards
    world.fitting["DeleteContentItemInput.contentItemId"] = sealed(NodeKind.CONTENT_ITEM, [film.id])[0]
    world.fitting["DeleteFileInput.fileId"] = sealed(NodeKind.FILE, [loose.id])[0]
    # of who took the quizzes, and has completed their course
    proven = next(each for each in takers if each.id in completed)
    certified = await certificate.list_page(work, user_id=proven.user_id, after=None, first=1)
    world.fitting |= {
        "Query.verifyCertificate(serial:)": certified[0].serial,
        "IssueCertificateInput.enrollmentId": sealed(NodeKind.ENROLLMENT, [proven.id])[0],
    }
    world.raw.add(certified[0].serial)
    await prove_on_path(runtime, work, world, proven)
    published = await course_version.page_of_course(work, begun.course_id, after=None, first=1)
    rows = [
        *people,
        *courses,
        sorted_by,
        about,
        closed,
        way,
        *on_way,
        *enrolled,
        *completed.values(),
        *certified,
        *published,
        *(each for found in lessons.values() for each in found),
    ]
    world.raw |= {text for row in rows for text in (str(row.id), row.id.hex)}
    return {
        NodeKind.USER: begun.user_id,
        NodeKind.COURSE: begun.course_id,
        NodeKind.COURSE_VERSION: published[0].id,
        NodeKind.LEARNING_PATH: way.id,
        NodeKind.LEARNING_PATH_ENROLLMENT: on_way[-1].id,
        NodeKind.CATEGORY: sorted_by.id,
        NodeKind.TAG: about.id,
        NodeKind.MODULE: taught.module_id,
        NodeKind.LESSON: taught.id,
        NodeKind.CONTENT_ITEM: shown.id,
        NodeKind.FILE: filed.id,
        NodeKind.ASSIGNMENT: asked.id,
        NodeKind.SUBMISSION: handed_in.id,
        NodeKind.ENROLLMENT: begun.id,
        NodeKind.LESSON_PROGRESS: started.progress.id,
        NodeKind.CERTIFICATE: certified[0].id,
        **quizzes,
        NodeKind.COMPLETION: completed[proven.id].id,
    }


def _acting(runtime: Runtime, work: UnitOfWork, world: World, person: User) -> UnitOfWork:
    """In the same transaction, as this person."""
    context = TenantContext(
        organization=world.organization,
        actor=Actor(ActorKind.USER, person.id),
        user=person,
        permissions=permissions_of(person.role),
    )
    return UnitOfWork(context, work.session, runtime.cache, runtime.pubsub)


def _draft(code: str, canary: str, category_id: UUID | None = None, *, published: bool = True) -> CourseDraft:
    return CourseDraft(
        title=f"{code} {canary}",
        code=code,
        description=f"Everything about {canary}",
        modules=(
            ModuleOutline(f"First {canary}", (LessonOutline(f"One {canary}"), LessonOutline("Two"))),
            ModuleOutline(f"Last {canary}", (LessonOutline(f"Three {canary}"),)),
        ),
        published=True,
        awards_certificate=True,
        certificate_days=30,
        category_id=category_id,
        self_enrollment=True,
    )


async def _token(runtime: Runtime, world: World, user_id: UUID) -> str:
    key = await signing_keys.find_current(runtime.catalog, world.organization.id)
    assert key is not None
    return token.issue(
        key,
        runtime.keyring,
        runtime.settings,
        user=user_id,
        lifetime=timedelta(hours=1),
        now=clock.now(),
    )
