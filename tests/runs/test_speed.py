import json
import time
from dataclasses import replace

import pytest

from dormouse.errors import UserError
from dormouse.execute.compute import Compute
from dormouse.models.dimensions import Dimensions
from dormouse.runs import speed as speed_module
from dormouse.runs.speed import WHOLE, Line, Speed, Speeds, as_measured, measure_speeds

COMPUTE = Compute("cpu", 1, 1, "because", "float32")
TINY = Dimensions(40_000, 32, 2, 400)
LINE = Line(0.01, 1e10)
SPEED = Speed(LINE, LINE, LINE, 0.5, 1.0, 0.001, 0.1, layers=2, parameters=40_000, device="cpu")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DORMOUSE_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.slow
def test_a_measurement_times_every_part_and_is_kept():
    first = measure_speeds([TINY], COMPUTE, again=False)
    (speed,) = first.known
    for line in (speed.train, speed.read, speed.sample):
        assert line.step >= 0
        assert 1e7 < line.rate < 1e14
    assert min(speed.opening, speed.setup, speed.text) > 0
    assert speed.date.endswith("UTC")
    started = time.monotonic()
    assert measure_speeds([TINY], COMPUTE, again=False).known == first.known
    assert time.monotonic() - started < 1


def test_measured_again_only_when_asked_or_when_the_machine_is_another(monkeypatch):
    asked = []

    def measure(sizes, compute):
        asked.append(sizes)
        return [replace(SPEED, date=f"day {len(asked)}") for _ in sizes]

    monkeypatch.setattr(speed_module, "_measure", measure)
    assert [measure_speeds([TINY], COMPUTE, again=again).date for again in (False, False, True, False)] == [
        "day 1", "day 1", "day 2", "day 2",
    ]  # fmt: skip
    assert measure_speeds([TINY], replace(COMPUTE, threads=2), again=False).date == "day 3"


def test_says_whether_other_programs_were_at_work_meanwhile(monkeypatch):
    monkeypatch.setattr(speed_module, "cores", lambda: 4)
    assert not Speeds([SPEED, replace(SPEED, busy=1.9)]).disturbed
    assert Speeds([SPEED, replace(SPEED, busy=2.0)]).disturbed


def test_a_file_of_the_cache_that_cannot_be_read_is_measured_again(cache, monkeypatch):
    monkeypatch.setattr(speed_module, "_measure", lambda sizes, compute: [SPEED])
    measure_speeds([TINY], COMPUTE, again=False)
    (file,) = (cache / "speed").iterdir()
    file.write_text("{")
    assert measure_speeds([TINY], COMPUTE, again=False).known == [SPEED]
    assert json.loads(file.read_text())["device"] == "cpu"


def test_at_most_three_sizes_are_measured_and_the_nearest_one_counts(monkeypatch):
    sizes = [Dimensions(n, 32, 2, 400) for n in (50_000, 100_000, 200_000, 400_000, 800_000)]
    monkeypatch.setattr(
        speed_module, "_measure", lambda sizes, compute: [replace(SPEED, parameters=one.parameters) for one in sizes]
    )
    speeds = measure_speeds(sizes, COMPUTE, again=False)
    assert [one.parameters for one in speeds.known] == [50_000, 200_000, 800_000]
    assert speeds.of(sizes[3]).parameters in (200_000, 800_000)
    assert speeds.of(sizes[0]).parameters == 50_000


def test_a_large_model_is_measured_with_few_layers():
    made = as_measured(Dimensions(8_000_000_000, 4096, 36, 150_000))
    assert WHOLE < made.parameters < 30_000_000
    assert as_measured(TINY) == TINY
    assert Speeds([SPEED]).of(made) == SPEED


def test_a_measurement_that_fails_says_what_to_do(monkeypatch):
    monkeypatch.setattr(
        speed_module, "environment", lambda threads: {"PYTHONPATH": "/nowhere", "PYTHONHOME": "/nowhere"}
    )
    with pytest.raises(UserError, match=r"could not be measured.*--gpu NAME"):
        measure_speeds([TINY], COMPUTE, again=False)


def test_a_measurement_that_does_not_end_is_given_up(monkeypatch):
    monkeypatch.setattr(speed_module, "LONGEST", 0.01)
    with pytest.raises(UserError, match=r"could not be measured in 0.01 seconds. Wait .* give --gpu NAME"):
        measure_speeds([TINY], COMPUTE, again=False)
