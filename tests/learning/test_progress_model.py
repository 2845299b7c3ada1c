"""Whatever is recorded, in whatever order, one by one or together: progress is what a simple model says."""

import math
import sys

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from academy import Academy
from harka.learning import enrollment, progress
from harka.learning.progress import ProgressEntry

WEIGHTS = (1.0, 2.0, 0.0, 5.0)
STEPS = st.tuples(
    st.integers(0, len(WEIGHTS) - 1), st.sampled_from([0.0, 0.1, 0.25, 1 / 3, 0.5, 0.9, 0.999999, 1.0])
)
CALLS = st.lists(st.lists(STEPS, min_size=1, max_size=4), min_size=1, max_size=5)


def expected(fractions: list[float]) -> float:
    average = sum(w * f for w, f in zip(WEIGHTS, fractions, strict=True)) / sum(WEIGHTS)
    return math.floor(average * 1_000_000 + 1e-6) / 1_000_000


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    print_blob=True,
)
@given(calls=CALLS)
async def test_progress_follows_the_model(academy: Academy, calls: list[list[tuple[int, float]]]) -> None:
    learner, course = await academy.user(), await academy.course(weights=WEIGHTS)
    lessons, enrolled = await academy.lessons(course), await academy.enrollment(learner, course)
    model = [0.0] * len(WEIGHTS)
    before = 0.0
    for steps in calls:
        entries = [
            ProgressEntry(enrollment_id=enrolled.id, lesson_id=lessons[lesson].id, fraction=fraction)
            for lesson, fraction in steps
        ]
        for lesson, fraction in steps:
            model[lesson] = max(model[lesson], round(fraction, 6))
        async with academy.work() as work:
            if len(entries) == 1:
                entry = entries[0]
                await progress.record(
                    work,
                    enrollment_id=entry.enrollment_id,
                    lesson_id=entry.lesson_id,
                    fraction=entry.fraction,
                )
            else:
                await progress.record_many(work, entries)
            now = (await enrollment.find_many(work, [enrolled.id]))[enrolled.id]
        assert abs(now.progress - expected(model)) <= 1e-6 + sys.float_info.epsilon
        assert now.progress >= before
        done = all(f == 1 for w, f in zip(WEIGHTS, model, strict=True) if w > 0)
        assert (now.status == "completed") == done == (now.progress == 1)
        before = now.progress
