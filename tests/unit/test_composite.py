# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs made of jobs: in a row, or one instead of the other."""

import pytest
from image_to_3d.inference.errors import WorkerError
from image_to_3d.jobs import JobChain, JobLadder, JobState

RUNNING, DONE, FAILED, CANCELLED = JobState.RUNNING, JobState.DONE, JobState.FAILED, JobState.CANCELLED


class FakeJob:
    """Goes through given states, one for each look."""

    def __init__(self, *states, result=None, stage="Working"):
        self._states, self.state, self.result = list(states), RUNNING, result
        self.stage, self.fraction, self.warnings, self.diagnostics = stage, 0.5, [f"{stage} slowly"], "its log"
        self.error = WorkerError(f"{stage} failed.", "Try again.") if FAILED in states else None

    def poll(self):
        if self._states:
            self.state = self._states.pop(0)
        return self.state

    def cancel(self):
        self._states, self.error = [CANCELLED], None


def driven(job):
    for _ in range(50):
        if job.poll() is not RUNNING:
            return job.state
    raise AssertionError("it never ends")


def test_a_chain_hands_each_result_on_and_keeps_all():
    steps = [
        lambda: FakeJob(RUNNING, DONE, result=2),
        lambda first: FakeJob(DONE, result=first * 10),
        lambda first, second: FakeJob(DONE, result=first + second),
    ]
    chain = JobChain(steps)
    assert driven(chain) is DONE
    assert chain.result == (2, 20, 22)
    assert chain.warnings == ["Working slowly"] * 3


def test_a_chain_shows_the_job_in_progress():
    chain = JobChain([lambda: FakeJob(DONE, stage="First"), lambda _: FakeJob(RUNNING, RUNNING, DONE, stage="Second")])
    assert chain.stage == "First"
    assert chain.poll() is RUNNING
    assert (chain.stage, chain.fraction) == ("Second", 0.5)


def test_a_failing_step_ends_the_chain():
    later = []
    chain = JobChain([lambda: FakeJob(FAILED), later.append])
    assert driven(chain) is FAILED
    assert (chain.error.message, chain.diagnostics) == ("Working failed.", "its log")
    assert later == []
    with pytest.raises(RuntimeError, match="failed"):
        _ = chain.result


def test_a_step_that_cannot_be_started_is_a_failure_not_an_exception():
    def start(_):
        raise WorkerError("No worker.", "Restart.")

    chain = JobChain([lambda: FakeJob(DONE), start])
    assert driven(chain) is FAILED
    assert chain.error.message == "No worker."


def test_cancelling_starts_nothing_further():
    started = []
    chain = JobChain([lambda: FakeJob(RUNNING, DONE), started.append])
    chain.poll()
    chain.cancel()
    assert driven(chain) is CANCELLED
    assert started == []


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def ladder(*jobs, seconds=10.0, clock=None):
    waiting = list(jobs)
    started = []

    def start():
        started.append(waiting.pop(0))
        return started[-1]

    made = JobLadder([start] * len(jobs), abs, seconds, clock or Clock())
    made.started = started
    return made


def test_the_first_good_result_ends_the_search():
    climbed = ladder(FakeJob(DONE, result=0), FakeJob(DONE, result=0))
    assert driven(climbed) is DONE
    assert (climbed.result, climbed.attempts, climbed.failures) == (0, 1, [])


def test_the_best_of_imperfect_results_counts_and_the_last_resort_is_left_alone():
    climbed = ladder(
        FakeJob(DONE, result=3), FakeJob(DONE, result=-1), FakeJob(DONE, result=2), FakeJob(DONE, result=0)
    )
    assert driven(climbed) is DONE
    assert climbed.result == -1
    assert climbed.attempts == 3


def test_the_last_resort_is_taken_where_nothing_else_came():
    climbed = ladder(FakeJob(FAILED, stage="Quads"), FakeJob(FAILED, stage="Quads"), FakeJob(DONE, result=7))
    assert driven(climbed) is DONE
    assert climbed.result == 7
    assert climbed.failures == ["Quads failed."] * 2


def test_if_all_fail_the_last_reason_is_told():
    climbed = ladder(FakeJob(FAILED), FakeJob(FAILED, stage="Decimating"))
    assert driven(climbed) is FAILED
    assert climbed.error.message == "Decimating failed."


def test_an_attempt_that_hangs_is_given_up():
    clock = Clock()
    climbed = ladder(FakeJob(), FakeJob(DONE, result=0), seconds=10, clock=clock)
    assert climbed.poll() is RUNNING
    clock.now = 11.0
    assert driven(climbed) is DONE
    assert climbed.started[0].state is CANCELLED
    assert climbed.failures == ["It took longer than 10 seconds."]


def test_the_artists_cancel_is_no_failed_attempt():
    climbed = ladder(FakeJob(), FakeJob(DONE, result=0))
    climbed.poll()
    climbed.cancel()
    assert driven(climbed) is CANCELLED
    assert len(climbed.started) == 1
