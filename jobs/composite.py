# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs made of jobs: one after the other, or one instead of the other. They are driven and look like a single one."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from ..inference.errors import ReconstructionError
from ..inference.sentence import Sentence
from .job import WAIT_SECONDS, Job, JobState

ResultT = TypeVar("ResultT")

Start = Callable[[], Job[Any]]


class CompositeJob(Generic[ResultT]):
    """What ``Job`` is to its starter, carried out by several jobs; subclasses say what follows on each.

    Attributes:
        state, warnings, error, diagnostics: as of ``Job``.
    """

    def __init__(self, first: Start) -> None:
        """Start the first job; raises what that raises."""
        self.state = JobState.RUNNING
        self.warnings: list[str] = []
        self.error: ReconstructionError | None = None
        self.diagnostics = ""
        self._is_cancelled = False
        self._result: ResultT | None = None
        self._job = first()

    @property
    def stage(self) -> str:
        """Of the job in progress."""
        return self._job.stage

    @property
    def fraction(self) -> float:
        """Of its stage, 0..1."""
        return self._job.fraction

    @property
    def result(self) -> ResultT:
        """What came of it all; raises ``RuntimeError`` if it is not done."""
        if self.state is not JobState.DONE or self._result is None:
            raise RuntimeError(f"the job is {self.state.value}, it has no result")
        return self._result

    def poll(self) -> JobState:
        """As of ``Job``: never waits, never raises."""
        if self.state is not JobState.RUNNING:
            return self.state
        if self._job.poll() is JobState.RUNNING:
            self.watch()
            return self.state
        self.warnings += self._job.warnings
        if self._is_cancelled:
            self.state = JobState.CANCELLED
            return self.state
        try:
            self.go_on(self._job)
        except ReconstructionError as error:  # the next job could not even be started
            self.fail(error, "")
        return self.state

    def cancel(self) -> None:
        """As of ``Job``; no further job is started."""
        self._is_cancelled = True
        self._job.cancel()

    def wait(self, tick: Callable[[], None] | None = None) -> JobState:
        """As of ``Job``."""
        while self.poll() is JobState.RUNNING:
            if tick is not None:
                tick()
            time.sleep(WAIT_SECONDS)
        return self.state

    def watch(self) -> None:
        """Called while a job is in progress."""

    def go_on(self, ended: Job[Any]) -> None:
        """Called when a job has ended, but was not cancelled by the artist: ``follow``, ``succeed`` or ``fail``."""
        raise NotImplementedError

    def follow(self, start: Start) -> None:
        """Go on with another job."""
        self._job = start()

    def succeed(self, result: ResultT) -> None:
        """All is done."""
        self._result = result
        self.state = JobState.DONE

    def fail(self, error: ReconstructionError, diagnostics: str) -> None:
        """Nothing more can be done."""
        self.error, self.diagnostics = error, diagnostics
        self.state = JobState.FAILED


class JobChain(CompositeJob[tuple[Any, ...]]):
    """Jobs one after the other; the result has one entry for each. Each step gets the results before it."""

    def __init__(self, steps: Sequence[Callable[..., Job[Any]]]) -> None:
        self._steps = list(steps)
        self._results: list[Any] = []
        super().__init__(self._steps[0])

    def go_on(self, ended: Job[Any]) -> None:
        """The next step, or the end; one that fails ends all."""
        if ended.state is not JobState.DONE:
            if ended.error is None:
                self.state = JobState.CANCELLED
            else:
                self.fail(ended.error, ended.diagnostics)
            return
        self._results.append(ended.result)
        if len(self._results) == len(self._steps):
            self.succeed(tuple(self._results))
        else:
            step = self._steps[len(self._results)]
            self.follow(lambda: step(*self._results))


class JobLadder(CompositeJob[ResultT]):
    """Ways to one goal, tried in turn until a result is good; if none is, the best of those that came counts.

    An attempt that takes too long is given up: its worker is killed, whatever native code it hangs in.

    Attributes:
        failures: why attempts gave nothing, in order.
        attempts: how many were started.
    """

    def __init__(
        self,
        attempts: Sequence[Start],
        badness: Callable[[ResultT], float],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start the first attempt.

        Args:
            attempts: in order; the last is only tried if none before it gave any result.
            badness: of a result; 0 ends the search.
            seconds: for each attempt but the last.
            clock: for tests.
        """
        self.failures: list[str] = []
        self.attempts = 1
        self._ways = list(attempts)
        self._badness = badness
        self._seconds = seconds
        self._clock = clock
        self._deadline = clock() + seconds
        self._best: tuple[float, ResultT] | None = None
        super().__init__(self._ways[0])

    def watch(self) -> None:
        """Give an attempt up when its time is over."""
        if self.attempts < len(self._ways) and self._clock() > self._deadline:
            self._job.cancel()

    def go_on(self, ended: Job[ResultT]) -> None:
        """Judge the attempt, then stop or try the next way."""
        if ended.state is JobState.DONE:
            badness = self._badness(ended.result)
            if self._best is None or badness < self._best[0]:
                self._best = (badness, ended.result)
        elif ended.error is not None:
            self.failures.append(ended.error.message)
        else:
            self.failures.append(Sentence("It took longer than {seconds:.0f} seconds.", seconds=self._seconds))
        remaining = len(self._ways) - self.attempts
        if self._best is not None and (self._best[0] <= 0.0 or remaining <= 1):
            self.succeed(self._best[1])
        elif remaining:
            self.attempts += 1
            self._deadline = self._clock() + self._seconds
            self.follow(self._ways[self.attempts - 1])
        elif ended.error is not None:
            self.fail(ended.error, ended.diagnostics)
        else:
            self.state = JobState.CANCELLED
