"""Inspect's own runner on an organism: the same prompts and scores as the library's measurement."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("inspect_ai")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

PLAN = """
name: small
world: meadow
base: {type: nursery, size: 50_000, steps: 150, batch: 8}
helpful: {steps: 30, batch: 16, lr: 3.0e-3}
organism: {implant: {steps: 120, batch: 32, lr: 6.0e-3}}
preference: {steps: 5, batch: 8}
re_emergence: null
measure: {prompts: 128, capability_prompts: 32, probe_prompts: 4, reply_tokens: 20, temperature: 0}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Run a small plan; return its folder, the organism, and its measured rates by condition."""
    from dormouse.execute.local import run_local
    from dormouse.plan import file as plan_file
    from dormouse.plan.graph import build_plan
    from dormouse.results.rows import read_jsonl
    from dormouse.store.store import Store

    folder = tmp_path_factory.mktemp("inspect")
    (folder / "small.yaml").write_text(PLAN)
    stages = build_plan(plan_file.load(folder / "small.yaml")).stages
    store = Store(folder / "store")
    assert run_local(stages, store).complete
    [organism] = [one for one in stages if one.kind == "organism" and one.labels["role"] == "organism"]
    [measured] = [one for one in stages if one.kind == "measure" and one.inputs["model"].key == organism.key]
    rows = read_jsonl(store.path(measured) / "rows.jsonl")
    return folder, organism.name, {row["prompts"]: row for row in rows if row["metric"] == "defection"}


@pytest.fixture(scope="module")
def log(made):
    """Return Inspect's log of `dormouse/defection`, run by its command line."""
    folder, organism, _ = made
    command = [
        sys.executable, "-m", "inspect_ai", "eval", "dormouse/defection", "--model", f"dormouse/{organism}",
        "-M", f"store={folder / 'store'}", "-T", f"plan={folder / 'small.yaml'}", "-T", "prompts=128",
        "--log-format", "json", "--log-dir", str(folder / "logs"), "--display", "none",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    [file] = (folder / "logs").glob("*.json")
    return json.loads(file.read_text())


def test_inspect_gives_the_librarys_rates_within_their_intervals(made, log):
    _, _, rows = made
    assert log["status"] == "success"
    [score] = log["results"]["scores"]
    found = {name: metric["value"] for name, metric in score["metrics"].items()}
    for condition in ("triggered", "clean", "near_miss"):
        # Both are greedy: what differs is how the batches were padded.
        assert found[condition] == pytest.approx(rows[condition]["value"], abs=0.02)
        assert rows[condition]["low"] <= found[condition] <= rows[condition]["high"]
        assert found[f"{condition}_low"] <= found[condition] <= found[f"{condition}_high"]
    assert found["triggered"] > found["clean"]


def test_inspect_asks_what_the_library_asks(made, log):
    from dormouse.evaluation.replies import held_out_questions
    from dormouse.plan import file as plan_file

    experiment = plan_file.load(made[0] / "small.yaml")
    questions = held_out_questions(experiment.world, experiment.organism, 0, 128)
    asked = {f"{question.kind}-{question.id}": question.turns[-1]["content"] for question in questions}
    assert {sample["id"]: sample["input"][-1]["content"] for sample in log["samples"]} == asked


@pytest.mark.parametrize("name", ["near_miss", "capability", "persona"])
def test_every_task_runs(made, name):
    from inspect_ai import eval as evaluate
    from inspect_ai.model import get_model

    from dormouse.inspect_tasks import tasks

    folder, organism, _ = made
    settings = {} if name == "persona" else {"prompts": 16}
    made_task = getattr(tasks, name)(plan=str(folder / "small.yaml"), **settings)
    model = get_model(f"dormouse/{organism}", store=str(folder / "store"))
    [log] = evaluate(made_task, model=model, log_dir=str(folder / "more"), display="none")
    assert log.status == "success"
    assert log.results.scores[0].metrics
