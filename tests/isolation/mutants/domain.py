"""Rules of the rooms that came later: certificates, content, unlocking, analytics, who listens."""

from typing import Final

from mutants.mutant import Mutant

MUTANTS: Final = [
    Mutant(
        "certificates-of-everybody",
        "learning/certificate.py",
        "    return [id_ for id_ in user_ids if anybody or id_ == scope.user]",
        "    return [id_ for id_ in user_ids if scope]",
        ("tests/learning/test_certificate.py", "tests/graph/types"),
    ),
    Mutant(
        "content-without-being-enrolled",
        "learning/reading.py",
        "    if scope.everything or not lesson_ids:",
        "    if scope or not lesson_ids:",
        ("tests/learning/test_content.py",),
    ),
    Mutant(
        "content-once-access-has-ended",
        "repositories/lesson.py",
        "AND e.status <> 'withdrawn' AND (e.expires_at IS NULL OR e.expires_at > now())",
        "AND e.status <> 'withdrawn'",
        ("tests/learning/test_reading.py",),
    ),
    Mutant(
        "people-of-a-group-beyond-the-manager",
        "repositories/user.py",
        """= ANY({people_in("$8")}) AND {unless_beyond('"user".id', "$9")}""",
        """= ANY({people_in("$8")}) AND ($9::uuid IS NULL OR true)""",
        ("tests/learning/test_bulk_enrollment.py",),
    ),
    Mutant(
        "content-of-locked-modules",
        "learning/reading.py",
        "    return [each.id for each in taken if each.guarded not in closed]",
        "    return [each.id for each in taken if closed is not None]",
        ("tests/learning/test_content.py", "tests/learning/test_unlock.py"),
    ),
    Mutant(
        "analytics-of-the-tenant-for-instructors",
        "analytics/tenant.py",
        "    work.context.require(Permission.ANALYTICS_READ)",
        "    work.context.require(Permission.ENROLLMENT_READ)",
        ("tests/analytics",),
    ),
    Mutant(
        "figures-told-without-the-permission",
        "graph/subscriptions/analytics.py",
        "        context.require(Permission.ANALYTICS_READ)\n",
        "",
        ("tests/graph/subscriptions",),
    ),
    Mutant(
        "listeners-without-a-user-alone",
        "web/listeners.py",
        "found.get(each.user or UUID(int=0)) == UserStatus.ACTIVE",
        "found.get(each.user or UUID(int=0)) is not None",
        ("tests/web/test_listeners.py",),
    ),
    Mutant(
        "listeners-with-a-revoked-key",
        "web/listeners.py",
        "                if error.status < _TROUBLE_OF_OURS:",
        "                if error.status < 0:",
        ("tests/web/test_listeners.py",),
    ),
    Mutant(
        "listeners-sent-away-by-an-outage",
        "web/listeners.py",
        "            except HarkaError:\n                continue\n",
        "            except HarkaError:\n                statuses = {}\n",
        ("tests/web/test_listeners.py",),
    ),
]
