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


def test_small_models_get_one_thread_and_a_process_a_core():
    chosen = compute.choose(Execute(), [50_000, 200_000])
    assert (chosen.workers, chosen.threads) == (6, 1)
    assert str(chosen) == (
        "cpu · 6 processes x 1 thread (models under 5 M parameters train fastest one thread each) · "
        "float32 (a CPU is slower in bfloat16)"
    )


def test_one_large_model_among_the_cells_gets_the_threads():
    chosen = compute.choose(Execute(), [50_000, 20_000_000])
    assert (chosen.workers, chosen.threads) == (1, 6)
    assert str(chosen).startswith("cpu · 1 process x 6 threads (")


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
