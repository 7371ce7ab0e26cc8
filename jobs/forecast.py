# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a job is and how long it still takes, by how long its stages took before on this machine."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

MOST_KINDS = 100
"""Of jobs, of which times are kept; beyond it the ones learned of longest ago go."""

NEWEST_SHARE = 0.3
"""Weight of the newest run in a mean, once there were a few: photos differ, and machines get other work."""

TIMED_SHARE = 0.9
"""How far into a stage the bar goes by time alone, when the stage has taken as long as expected."""

PRIOR_SHARE = 0.3
"""Of the whole job: what is expected counts as much as so much of the job, seen to go slower or faster."""

LEAST_DONE = 0.15
"""Share of a job that must be done before its time can be told without having seen another like it."""

LEAST_REPORTED = 0.1
"""Share of a stage that must be done before the stage's own pace counts."""


class Experience:
    """Mean seconds of the stages of each kind of job.

    Args:
        path: of a JSON file that keeps them; None keeps them in memory.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._runs: dict[str, int] = {}
        self._seconds: dict[str, dict[str, float]] = {}
        if path is not None and path.is_file():
            self._read(path)

    def seconds(self, kind: str) -> dict[str, float]:
        """By stage; empty for a kind that has never been seen."""
        return dict(self._seconds.get(kind, {}))

    def learn(self, kind: str, seconds: Mapping[str, float]) -> None:
        """A job of this kind was done.

        Raises:
            OSError: the file cannot be written; in memory it is known.
        """
        runs = self._runs.pop(kind, 0) + 1
        share = max(1.0 / runs, NEWEST_SHARE)
        former = self._seconds.pop(kind, {})
        self._seconds[kind] = former | {
            stage: former.get(stage, value) + share * (value - former.get(stage, value))
            for stage, value in seconds.items()
        }
        self._runs[kind] = runs
        for oldest in list(self._runs)[:-MOST_KINDS]:
            del self._runs[oldest], self._seconds[oldest]
        if self._path is not None:
            self._write(self._path)

    def _read(self, path: Path) -> None:
        """What is no such file, or damaged, teaches nothing."""
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            runs = {str(kind): int(entry["runs"]) for kind, entry in kept.items()}
            seconds = {
                str(kind): {str(stage): float(value) for stage, value in entry["seconds"].items()}
                for kind, entry in kept.items()
            }
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return
        self._runs, self._seconds = runs, seconds

    def _write(self, path: Path) -> None:
        kept = {kind: {"runs": runs, "seconds": self._seconds[kind]} for kind, runs in self._runs.items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        part.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        part.replace(path)


class Forecast:
    """Follows one job.

    Args:
        shares: rough share of the whole of each stage, in order.
        known: seconds that stages took before; where there are any, stages without take them in proportion to shares.
        now: seconds of a clock that runs evenly, as in all methods.
    """

    def __init__(self, shares: Mapping[str, float], known: Mapping[str, float], now: float) -> None:
        self._stages = [str(stage) for stage in shares]
        known = {stage: value for stage, value in known.items() if stage in self._stages and value > 0.0}
        share_of_known = sum(share for stage, share in shares.items() if str(stage) in known)
        self._is_known = share_of_known > 0.0
        scale = sum(known.values()) / share_of_known if self._is_known else 1.0
        self._expected = {str(stage): known.get(str(stage), share * scale) for stage, share in shares.items()}
        self._total = sum(self._expected.values())
        self._began = self._entered = now
        self._stage = ""
        self._index = -1
        self._reported = 0.0
        self._fraction = 0.0
        self._seconds: dict[str, float] = {}

    def observe(self, stage: str, reported: float, now: float) -> None:
        """What the job says: its stage, and how much of that is done, 0..1."""
        if stage != self._stage:
            self._close(now)
            self._stage, self._entered, self._reported = stage, now, 0.0
            self._index = self._stages.index(stage) if stage in self._stages else self._index
        self._reported = max(self._reported, reported)

    def fraction(self, now: float) -> float:
        """How much of the job is done, 0..1; it never goes back, and never stands still."""
        inside = max(self._reported, self._timed_share(now))
        done = (self._before() + self._present() * inside) / self._total if self._total else 0.0
        self._fraction = max(self._fraction, min(done, 1.0))
        return self._fraction

    def seconds_left(self, now: float) -> float | None:
        """Until the end; None where nothing is known yet."""
        pace = self._pace(now)
        if pace is None:
            return None
        elapsed = now - self._entered
        left = pace * self._present() * (1.0 - self._timed_share(now))
        if self._reported >= LEAST_REPORTED:
            left = elapsed * (1.0 - self._reported) / self._reported
        return left + pace * (self._total - self._before() - self._present())

    def finish(self, now: float) -> dict[str, float]:
        """The job is done: seconds that each stage took."""
        self._close(now)
        self._stage = ""
        return dict(self._seconds)

    def _close(self, now: float) -> None:
        if self._stage in self._expected:
            self._seconds[self._stage] = self._seconds.get(self._stage, 0.0) + now - self._entered

    def _before(self) -> float:
        """What was expected of the stages before the present one."""
        return sum(self._expected[stage] for stage in self._stages[: max(self._index, 0)])

    def _present(self) -> float:
        return self._expected[self._stages[self._index]] if self._index >= 0 else 0.0

    def _timed_share(self, now: float) -> float:
        """How much of the stage is done by the time it has taken; ever slower where that is longer than expected."""
        expected = self._present() * (self._pace(now) or self._guessed_pace(now))
        if expected <= 0.0:
            return 0.0
        spent = (now - self._entered) / expected
        return TIMED_SHARE * spent if spent < 1.0 else 1.0 - (1.0 - TIMED_SHARE) * math.exp(1.0 - spent)

    def _pace(self, now: float) -> float | None:
        """Seconds for what was expected to take one, or for a whole job whose time is not known."""
        before = self._before()
        elapsed = self._entered - self._began
        if self._is_known:
            prior = PRIOR_SHARE * self._total
            return (elapsed + prior) / (before + prior)
        done = before + self._present() * self._reported
        return (now - self._began) / done if done >= LEAST_DONE * self._total else None

    def _guessed_pace(self, now: float) -> float:
        """Where nothing is known: as if the job took ten seconds, or, after these, ten times as long as up to now."""
        return 10.0 * max(1.0, (now - self._began) / 10.0) / self._total
