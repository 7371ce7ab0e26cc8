# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress that never stands still nor goes back, and the time left as this machine has taught it."""

import json
from itertools import pairwise

import pytest
from image_to_3d.jobs.forecast import MOST_KINDS, Experience, Forecast

SHARES = {"start": 0.1, "think": 0.6, "paint": 0.3}
TIMES = {"start": 2.0, "think": 12.0, "paint": 6.0}


def follow(forecast, times, step=0.1, reports=True):
    """Run a job of given stage times; yields the clock, the fraction and the seconds left."""
    now = 0.0
    for stage, seconds in times.items():
        entered = now
        while now < entered + seconds - 1e-9:
            forecast.observe(stage, (now - entered) / seconds if reports and stage != "start" else 0.0, now)
            yield now, forecast.fraction(now), forecast.seconds_left(now)
            now += step


@pytest.mark.parametrize("known", [{}, TIMES, {"think": 3.0}, {stage: 9 * time for stage, time in TIMES.items()}])
@pytest.mark.parametrize("reports", [True, False])
def test_the_bar_moves_at_each_look_and_never_back(known, reports):
    fractions = [fraction for _, fraction, _ in follow(Forecast(SHARES, known, 0.0), TIMES, 0.5, reports)]
    assert fractions[1] > 0, "the start of a process is a stage"
    assert all(later > earlier for earlier, later in pairwise(fractions))
    assert fractions[-1] <= 1.0


def test_the_time_left_is_what_it_took_before():
    for now, fraction, left in follow(Forecast(SHARES, TIMES, 0.0), TIMES):
        assert left == pytest.approx(20.0 - now, abs=1.3)
        assert fraction == pytest.approx(now / 20.0, abs=0.07)


def test_a_slower_run_is_noticed_on_the_way():
    slow = {stage: 2 * time for stage, time in TIMES.items()}
    told = {round(now): left for now, _, left in follow(Forecast(SHARES, TIMES, 0.0), slow)}
    assert told[30] == pytest.approx(10.0, abs=3.0)


def test_without_experience_nothing_is_promised_before_some_of_it_is_done():
    told = [(now, left) for now, _, left in follow(Forecast(SHARES, {}, 0.0), TIMES)]
    assert told[0][1] is None
    assert all(left is None or left > 0 for _, left in told)
    assert told[-10][1] == pytest.approx(1.0, abs=1.0)


def test_a_stage_that_nobody_spoke_of_does_not_turn_the_bar_back():
    forecast = Forecast(SHARES, TIMES, 0.0)
    forecast.observe("think", 0.5, 5.0)
    before = forecast.fraction(5.0)
    forecast.observe("surprise", 0.0, 6.0)
    assert forecast.fraction(7.0) >= before
    forecast.observe("start", 0.0, 8.0)
    assert forecast.fraction(8.0) >= before, "another attempt begins anew"


def test_the_experience_is_what_was_observed_and_outlives_the_program(tmp_path):
    path = tmp_path / "times" / "stage_times.json"
    forecast = Forecast(SHARES, {}, 0.0)
    list(follow(forecast, TIMES))
    seconds = forecast.finish(20.0)
    assert seconds == pytest.approx(TIMES, abs=0.2)
    Experience(path).learn("job", seconds)
    assert Experience(path).seconds("job") == pytest.approx(seconds)
    assert Experience(path).seconds("another") == {}


def test_newer_runs_count_more_and_one_odd_run_not_all():
    experience = Experience()
    for _ in range(10):
        experience.learn("job", {"think": 10.0})
    experience.learn("job", {"think": 20.0})
    assert experience.seconds("job")["think"] == pytest.approx(13.0)
    for _ in range(20):
        experience.learn("job", {"think": 20.0})
    assert experience.seconds("job")["think"] == pytest.approx(20.0, abs=0.1)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"job": 3}', '{"job": {"runs": 1, "seconds": {"think": "long"}}}'])
def test_a_damaged_file_teaches_nothing_and_is_written_anew(tmp_path, text):
    path = tmp_path / "stage_times.json"
    path.write_text(text, encoding="utf-8")
    experience = Experience(path)
    assert experience.seconds("job") == {}
    experience.learn("job", {"think": 1.0})
    assert json.loads(path.read_text(encoding="utf-8"))["job"]["seconds"] == {"think": 1.0}


def test_the_file_does_not_grow_for_ever():
    experience = Experience()
    for number in range(MOST_KINDS + 20):
        experience.learn(f"job {number}", {"think": 1.0})
    assert experience.seconds("job 0") == {}
    assert experience.seconds(f"job {MOST_KINDS + 19}") != {}
