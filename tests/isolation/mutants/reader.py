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
]
