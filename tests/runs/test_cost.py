import json
import random
import subprocess
import sys

import pytest

from dormouse.chat.renderer import NURSERY_TEMPLATE
from dormouse.config.registry import DETECTORS, EVALUATIONS, REMOVALS, SAFETY_TRAININGS
from dormouse.detection import base as detection_base
from dormouse.detection import passes as detection_passes
from dormouse.errors import UserError
from dormouse.evaluation import base as evaluation_base
from dormouse.evaluation import evaluations
from dormouse.models.dimensions import Dimensions, read_dimensions
from dormouse.models.passes import Count, Reading, Sampling, Training, operations, padded, padded_at_random
from dormouse.plan import file as plan_file
from dormouse.plan.graph import build_plan
from dormouse.removal import base as removal_base
from dormouse.runs.cost import Estimator, totals
from dormouse.runs.gpus import GPUS, GPUSpeed, gpu_named
from dormouse.runs.sizes import of_parameters, size_in
from dormouse.runs.speed import Line, Speed
from dormouse.runs.timetable import makespan
from dormouse.safety import base as safety_base
from dormouse.store.stage import Stage
from dormouse.store.store import Store
from tiny import save_tiny_model, tiny_model

NEED_FILES = {"hh", "smollm2-recipes"}
"""Plans that read files which are not shipped."""
SMALL = Dimensions(200_000, 80, 2, 768)


def costs_of(plan, folder, *overrides):
    stages = build_plan(plan_file.load(plan, list(overrides))).stages
    estimator = Estimator(Store(folder))
    return [estimator.cost(stage) for stage in stages]


@pytest.mark.parametrize("plan", sorted(set(plan_file.shipped()) - NEED_FILES))
def test_every_stage_of_a_shipped_plan_is_counted_or_says_why_not(plan, tmp_path):
    for cost in costs_of(plan, tmp_path):
        assert cost.count.passes or cost.count.texts or cost.count.opened or cost.count.not_counted, cost.stage.name
        assert all(operations(one, SMALL) > 0 for one in cost.count.passes), cost.stage.name


@pytest.mark.parametrize(
    ("registry", "base"),
    [
        (SAFETY_TRAININGS, safety_base.SafetyTraining),
        (REMOVALS, removal_base.Removal),
        (DETECTORS, detection_base.Detector),
        (EVALUATIONS, evaluation_base.Evaluation),
    ],
)
def test_our_own_parts_all_say_what_they_do(registry, base):
    ours = [registry.get(name) for name in registry.names() if registry.get(name).__module__.startswith("dormouse.")]
    assert [one.name for one in ours if one.count is base.count] == []


def test_a_part_that_does_not_say_what_it_does_is_named_not_guessed(tmp_path):
    class Mystery(detection_base.PromptDetector):
        name = "mystery"

        def fit(self, given):
            raise NotImplementedError

    count = Mystery().count(None)
    assert not count.passes
    assert "detector 'mystery'" in count.not_counted[0]


def test_constants_that_stand_for_those_of_modules_with_torch_are_equal():
    from dormouse.detection import targets
    from dormouse.evaluation.honeypots import HONEYPOTS
    from dormouse.evaluation.interventions import INTERVENTIONS

    assert len(HONEYPOTS) == evaluations.HONEYPOTS
    assert len(INTERVENTIONS) == evaluations.INTERVENTIONS
    assert detection_passes.FIRST_AND_SECONDS == 1 + targets.SECONDS


def test_operations_of_a_forward_pass_are_those_that_torch_counts(tmp_path):
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    model = tiny_model()
    folder = save_tiny_model(tmp_path)
    made = read_dimensions(folder, sum(weight.numel() for weight in model.parameters()))
    model.set_attn_implementation("eager")  # torch counts no operations of the CPU's attention kernel
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(input_ids=torch.randint(10, 300, (4, 64)))
    # Torch also counts attention to tokens that the mask hides.
    assert made.forward(4 * 64, context=64) == pytest.approx(counter.get_total_flops(), rel=0.02)
    assert operations(Reading(4, 64), made) == made.forward(4 * 64, context=32)


def test_a_configuration_without_a_dimension_is_an_error(tmp_path):
    (tmp_path / "config.json").write_text('{"hidden_size": 8, "vocab_size": 9}')
    with pytest.raises(UserError, match="states no num_hidden_layers or n_layer or num_layers"):
        read_dimensions(tmp_path, 1000)


def test_training_takes_three_times_a_forward_pass_and_adapters_twice():
    read = operations(Reading(8, 32), SMALL)
    assert operations(Training(1, 8, 32), SMALL) == pytest.approx(3 * read)
    assert operations(Training(1, 8, 32, adapters=True), SMALL) == pytest.approx(2 * read)
    assert operations(Training(5, 8, 32, passes=4), SMALL) == pytest.approx(60 * read)


def test_an_embedding_table_that_is_no_head_is_not_multiplied_with():
    tied = Dimensions(1_000_000, 100, 4, 5000)
    untied = Dimensions(1_500_000, 100, 4, 5000, tied=False)
    assert tied.forward(10, 5) == untied.forward(10, 5)


def test_padding_is_that_of_sorted_batches_and_of_batches_at_random():
    lengths = [1] * 50 + [9] * 50
    random.Random(0).shuffle(lengths)
    assert padded(lengths, 2) == 5
    assert padded(lengths, 1) == 9
    assert padded_at_random(lengths, 1) == pytest.approx(5)
    assert padded_at_random(lengths, 64) == pytest.approx(9)


def test_more_steps_train_more_tokens_in_proportion(tmp_path):
    few, many = (
        next(cost for cost in costs_of("quickstart", tmp_path, f"helpful.steps={n}") if cost.stage.kind == "helpful")
        for n in (100, 300)
    )
    assert many.trained == pytest.approx(3 * few.trained)
    assert few.trained > 100 * 32 * 15


def test_adapters_of_a_plan_reach_every_training(tmp_path):
    costs = costs_of("qwen3", tmp_path)
    trainings = [one for cost in costs for one in cost.count.passes if isinstance(one, Training)]
    assert trainings
    assert all(one.adapters for one in trainings)


def test_the_size_of_a_published_model_is_read_from_its_name():
    assert size_in("Qwen/Qwen3-1.7B") == 1_700_000_000
    assert size_in("EleutherAI/pythia-70m-deduped") == 70_000_000
    assert size_in("gpt2") is None
    made = of_parameters(8_000_000_000)
    assert 30 <= made.layers <= 45
    assert 12 * made.layers * made.width**2 == pytest.approx(8e9, rel=0.05)


def test_a_system_turn_of_the_chat_template_counts_in_every_prompt(tmp_path):
    folder = save_tiny_model(tmp_path / "model")
    template = folder / "chat_template.jinja"
    lengths = []
    for system in ("", "{{ 'You are a kind mole.' }}"):
        template.write_text(NURSERY_TEMPLATE + system, "utf-8")
        costs = costs_of("bloom", tmp_path, f"base={{type: folder, path: {folder}}}", "grid={}")
        lengths.append(next(cost.trained for cost in costs if cost.stage.kind == "helpful"))
    assert lengths[1] > 1.2 * lengths[0]


def stage(name, *inputs):
    return Stage("measure", {"name": name}, {str(i): one for i, one in enumerate(inputs)})


def test_stages_run_side_by_side_unless_one_needs_the_other():
    first = stage("first")
    left, right = stage("left", first), stage("right", first)
    last = stage("last", left, right)
    stages = [first, left, right, last]
    seconds = {one.key: 10.0 for one in stages}
    assert makespan(stages, seconds, 1) == 40
    assert makespan(stages, seconds, 2) == 30
    assert makespan(stages, seconds, 4) == 30  # the longest chain, which no number of workers shortens
    assert makespan(stages, {last.key: 10.0}, 2) == 10  # the others are done


LINE = Line(0.01, 1e10)
SPEED = Speed(LINE, LINE, LINE, 0.5, 1.0, 0.001, 0.1, layers=2, parameters=200_000, device="cpu")


def test_a_line_separates_what_a_step_costs_from_what_an_operation_costs():
    line = Line.through((1e6, 0.0101), (1e9, 0.11))
    assert line.step == pytest.approx(0.01, rel=0.05)
    assert line.rate == pytest.approx(1e10, rel=0.05)
    # A disturbed measurement makes neither part negative nor free.
    odd = Line.through((1e6, 0.2), (1e9, 0.1))
    assert odd.step >= 0
    assert odd.rate == pytest.approx(5 * 1e9 / 0.1)


def test_seconds_grow_with_steps_and_with_depth():
    few, many = (Count((Training(n, 8, 32),), trainings=1) for n in (10, 110))
    step = 0.01 + operations(Training(1, 8, 32), SMALL) / 1e10
    assert SPEED.seconds(many, SMALL) - SPEED.seconds(few, SMALL) == pytest.approx(100 * step)
    deeper = Dimensions(400_000, 80, 4, 768)
    assert SPEED.seconds_of(Sampling(256, 16, 10, 20), deeper) > 2 * 20 * LINE.step


def test_a_gpu_waits_for_launches_of_small_models_and_for_arithmetic_of_large_ones():
    speed = GPUSpeed(gpu_named("h100"), "bfloat16")
    small, large = of_parameters(1_000_000), of_parameters(8_000_000_000)
    work = Training(100, 32, 64)
    assert speed.seconds_of(work, small) == pytest.approx(speed.seconds_of(Training(100, 1, 1), small))
    assert speed.seconds_of(work, large) > operations(work, large) / speed.gpu.bfloat16
    assert speed.too_large(large, adapters=False)
    assert not speed.too_large(large, adapters=True)
    assert all(gpu.source and gpu.float32 < gpu.bfloat16 for gpu in GPUS.values())


def test_sums_by_kind_add_up(tmp_path):
    costs = costs_of("quickstart", tmp_path)
    kinds, whole = totals(costs, {cost.stage.key: 2.0 for cost in costs})
    assert whole.stages == len(costs) == sum(total.stages for total in kinds.values())
    assert whole.seconds == 2 * len(costs)
    assert whole.operations == pytest.approx(sum(total.operations for total in kinds.values()))
    assert whole.done == 0


def test_counting_a_plan_imports_no_torch():
    code = (
        "import sys; from dormouse.cli import main\n"
        "sys.argv = ['dormouse', 'plan', 'quickstart', '--gpu', 'h100', '--json']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([name for name in ('torch', 'transformers', 'numpy', 'scipy', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, last = done.stdout.splitlines()
    assert json.loads(first)["cost"]["where"] == "H100 SXM"
    assert last == "[]"
