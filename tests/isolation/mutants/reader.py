"""Who may see and do what within a tenant."""

from typing import Final

from mutants.mutant import Mutant

PEOPLE = ("tests/learning", "tests/graph", "tests/isolation")

MUTANTS: Final = [
    Mutant(
        "learner-sees-all-enrollments",
        "learning/visibility.py",
        "return Scope(everything=context.allows(permission), user=_user(context))",
        "return Scope(everything=True, user=_user(context))",
        PEOPLE,
    ),
    Mutant(
        "learner-sees-drafts",
        "learning/visibility.py",
        "return Scope(everything=context.allows(Permission.COURSE_WRITE), user=_user(context))",
        "return Scope(everything=True, user=_user(context))",
        PEOPLE,
    ),
    Mutant(
        "anybody-creates-courses",
        "learning/course.py",
        "    work.context.require(Permission.COURSE_WRITE)\n    made = ",
        "    made = ",
        ("tests/learning",),
    ),
    Mutant(
        "anybody-enrolls",
        "learning/enrollment.py",
        "    work.context.require(Permission.ENROLLMENT_WRITE)\n    wanted = {",
        "    wanted = {",
        ("tests/learning",),
    ),
    Mutant(
        "learner-finds-everybody",
        "learning/user.py",
        "asked = ids if scope.everything else [id_ for id_ in ids if id_ == scope.user]",
        "asked = ids",
        PEOPLE,
    ),
    Mutant(
        "learner-lists-everybody",
        "learning/user.py",
        "    if scope.everything:\n        return await users.list_page",
        "    if True:\n        return await users.list_page",
        PEOPLE,
    ),
    Mutant(
        "learner-sees-classmates",
        "learning/enrollment.py",
        "if scope.user is not None and not scope.everything:",
        "if False:",
        PEOPLE,
    ),
    Mutant(
        "learner-counts-classmates",
        "learning/enrollment.py",
        "if scope.user is None or scope.everything:",
        "if True:",
        PEOPLE,
    ),
    Mutant(
        "learner-lists-all-enrollments",
        "learning/enrollment.py",
        "        user_id=user_id if scope.everything else scope.user,",
        "        user_id=user_id,",
        PEOPLE,
    ),
    Mutant(
        "learner-counts-all-enrollments",
        "learning/enrollment.py",
        "    shown = user_id if scope.everything else scope.user",
        "    shown = user_id",
        PEOPLE,
    ),
    Mutant(
        "learner-sees-anothers-enrollments",
        "learning/enrollment.py",
        "return [id_ for id_ in user_ids if not _is_hidden(scope, id_)]",
        "return list(user_ids)",
        PEOPLE,
    ),
    Mutant(
        "learner-sees-every-enrollment-by-id",
        "learning/enrollment.py",
        "return ByKey(await enrollments.find_visible(work.session, scope, ids))",
        "return ByKey(await enrollments.find_visible(work.session, Scope(everything=True), ids))",
        PEOPLE,
    ),
    Mutant(
        "learner-writes-anothers-progress",
        "learning/progress.py",
        "own = user is not None and user.id == enrollment.user_id",
        "own = user is not None",
        PEOPLE,
    ),
    Mutant(
        "own-role-is-no-limit",
        "learning/user.py",
        "if not permissions_of(role) <= work.context.permissions:",
        "if False:",
        PEOPLE,
    ),
    Mutant(
        "anybody-unenrolls",
        "learning/enrollment.py",
        "    work.context.require(Permission.ENROLLMENT_WRITE)\n    withdrawn = ",
        "    withdrawn = ",
        ("tests/learning",),
    ),
    Mutant(
        "anybody-unenrolls-many",
        "learning/enrollment.py",
        "    work.context.require(Permission.ENROLLMENT_WRITE)\n    moments = ",
        "    moments = ",
        ("tests/learning",),
    ),
    Mutant(
        "anybody-completes",
        "learning/completion.py",
        "    work.context.require(Permission.ENROLLMENT_WRITE)\n",
        "",
        ("tests/learning",),
    ),
    Mutant(
        "anybody-makes-users",
        "learning/user.py",
        "    work.context.require(Permission.USER_WRITE)\n    made",
        "    made",
        ("tests/learning",),
    ),
    Mutant(
        "anybody-changes-users",
        "learning/user.py",
        "    work.context.require(Permission.USER_WRITE)\n    held",
        "    held",
        ("tests/learning",),
    ),
    Mutant(
        "who-may-do-more-is-changed",
        "learning/user.py",
        "    if not permissions_of(held.role) <= work.context.permissions:",
        "    if False:",
        ("tests/learning",),
    ),
    Mutant(
        "first-answers-are-everybodys",
        "learning/idempotency.py",
        'return f"{actor.kind}:{actor.id}"',
        'return "anybody"',
        ("tests/web/test_idempotency.py",),
    ),
    Mutant(
        "key-without-the-scope-reads",
        "learning/visibility.py",
        "        context.require(permission)\n",
        "        pass\n",
        PEOPLE,
    ),
]
