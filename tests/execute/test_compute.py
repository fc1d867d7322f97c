import sys

import pytest

from dormouse.errors import UserError
from dormouse.execute import compute
from dormouse.execute.settings import Execute
from dormouse.machine import hardware as machine


@pytest.fixture(autouse=True)
def six_cores(monkeypatch):
    monkeypatch.setattr(compute, "cores", lambda: 6)
    monkeypatch.setattr(compute, "device", lambda: "cpu")
    bfloat16(monkeypatch, there=False)
    memory(monkeypatch, 64)


def bfloat16(monkeypatch, *, there):
    monkeypatch.setattr(machine, "has_bfloat16_instructions", lambda: there)


def memory(monkeypatch, gigabytes):
    available = type("Memory", (), {"available": gigabytes * 10**9})
    monkeypatch.setattr("psutil.virtual_memory", lambda: available)


def test_small_models_get_one_thread_and_a_process_a_core():
    chosen = compute.choose(Execute(), [50_000, 200_000])
    assert (chosen.workers, chosen.threads) == (6, 1)
    assert str(chosen) == (
        "cpu · 6 processes x 1 thread (models under 5 M parameters train fastest one thread each) · "
        "float32 (bfloat16 is for models from 5 M parameters)"
    )


def test_large_models_run_side_by_side_while_memory_lasts(monkeypatch):
    for gigabytes, expected in ((64, (6, 1)), (10, (4, 1)), (6, (2, 3)), (1, (1, 6))):
        memory(monkeypatch, gigabytes)
        chosen = compute.choose(Execute(), [50_000, 20_000_000])
        assert (chosen.workers, chosen.threads) == expected
    assert str(chosen).startswith("cpu · 1 process x 6 threads (models over 5 M parameters use more than one thread)")


def test_a_gpu_takes_one_large_model_at_a_time(monkeypatch):
    monkeypatch.setattr(compute, "device", lambda: "cuda")
    monkeypatch.setattr(compute, "has_bfloat16", lambda: True)
    chosen = compute.choose(Execute(), [20_000_000])
    assert (chosen.workers, chosen.threads) == (1, 6)


def test_a_large_model_is_computed_in_bfloat16_where_the_processor_has_instructions_for_it(monkeypatch):
    assert "float32 (this CPU has no instructions for bfloat16)" in str(compute.choose(Execute(), [20_000_000]))
    bfloat16(monkeypatch, there=True)
    assert "bfloat16 on float32 weights" in str(compute.choose(Execute(), [20_000_000]))
    assert "float32 (bfloat16 is for models from 5 M parameters)" in str(compute.choose(Execute(), [200_000]))


def test_the_plan_decides_the_processes_and_they_share_the_cores():
    assert compute.choose(Execute(workers=2), [50_000]).workers == 2
    shared = compute.choose(Execute(workers=2), [20_000_000])
    assert (shared.workers, shared.threads) == (2, 3)


def test_a_cpu_build_of_torch_is_told_without_importing_it(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(machine, "version", lambda name: "2.13.0+cpu")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert machine.device() == "cpu"


@pytest.mark.parametrize(
    ("execute", "expected"),
    [
        (
            {"sampler": "vllm"},
            "execute.sampler is vllm, which is not installed. pip install vllm, in a release that leaves Transformers "
            "as dormouse needs it (docs/many-machines.md), or set execute.sampler=transformers.",
        ),
        (
            {"fsdp": True, "ranks": 2},
            "execute.fsdp shares weights among GPUs, and torch finds none here. "
            "Set execute.fsdp=false: processes then share each batch.",
        ),
    ],
)
def test_what_the_machine_lacks_is_told_before_anything_runs(monkeypatch, execute, expected):
    monkeypatch.setattr(compute, "has_package", lambda name: False)
    with pytest.raises(UserError) as error:
        compute.choose(Execute(**execute), [50_000])
    assert str(error.value) == expected
    # A cluster has machines of its own.
    compute.choose(Execute(**execute, on="ray"), [50_000])


def test_vllm_without_a_gpu_is_told(monkeypatch):
    monkeypatch.setattr(compute, "has_package", lambda name: True)
    with pytest.raises(UserError, match=r"needs a GPU, and torch finds none\. Set execute\.sampler=transformers\."):
        compute.choose(Execute(sampler="vllm"), [50_000])
