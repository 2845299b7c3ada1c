"""The queue: who sees jobs, who may end one, how many there may be."""

from typing import Final

from mutants.mutant import Mutant

MUTANTS: Final = [
    Mutant(
        "jobs-by-id-for-everybody",
        "learning/job.py",
        "    work.context.require(Permission.JOB_READ)\n    return ByKey",
        "    return ByKey",
        ("tests/learning/test_job.py", "tests/graph/types/test_job.py"),
    ),
    Mutant(
        "a-job-is-ended-by-who-has-lost-it",
        "repositories/job_run.py",
        "AND j.id = ended.id AND j.fence = ended.fence",
        "AND j.id = ended.id",
        ("tests/queue/test_claim.py",),
    ),
    Mutant(
        "the-length-of-a-queue-is-counted-by-several",
        "queue/enqueue.py",
        "    await job.lock_length(session)\n",
        "",
        ("tests/queue/test_enqueue.py",),
    ),
]
