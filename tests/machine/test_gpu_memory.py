import pytest
import torch

from dormouse.errors import UserError
from dormouse.machine.gpu_memory import explain_out_of_memory, with_less_memory
from dormouse.store.kinds import KINDS

TOO_MUCH = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 1 GiB free.")


def with_room_for(room, tried):
    def work(size):
        tried.append(size)
        if size > room:
            raise TOO_MUCH

    return work


@pytest.mark.parametrize(("room", "expected"), [(8, [8]), (7, [8, 4]), (3, [8, 4, 2]), (1, [8, 4, 2, 1])])
def test_half_as_many_are_tried_until_they_fit(room, expected):
    tried = []
    with_less_memory(8, with_room_for(room, tried))
    assert tried == expected


def test_what_does_not_fit_alone_fails():
    with pytest.raises(torch.OutOfMemoryError):
        with_less_memory(2, with_room_for(0, []))


def test_another_error_is_not_taken_for_it():
    def fail(size):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        with_less_memory(2, fail)
    with (
        pytest.raises(RuntimeError, match="shapes do not match"),
        explain_out_of_memory("helpful", "helpful.batch", {}),
    ):
        fail(1)


@pytest.mark.parametrize(
    ("kind", "spec", "setting"),
    [
        ("base", {"base": {"type": "nursery", "batch": 16}}, "base.batch"),
        ("organism", {"organism": {"implant": {"batch": 8}}}, "organism.implant.batch"),
        ("safety", {"safety": {"type": "rl", "batch": 8}}, "the batch of 'rl'"),
        ("removal", {"removal": {"type": "merging", "batch": 8}}, "the batch of 'merging'"),
    ],
)
def test_of_a_training_the_setting_to_lower_is_named(kind, spec, setting):
    with pytest.raises(UserError) as error, explain_out_of_memory(kind, KINDS[kind].batch, spec):
        raise TOO_MUCH
    assert str(error.value) == (
        f"The GPU's memory ran out in stage '{kind}': CUDA out of memory. Lower {setting}; "
        "for a published model, base.lora_rank above 0 trains adapters in a fraction of the memory."
    )


@pytest.mark.parametrize(("kind", "spec"), [("measure", {}), ("detect", {}), ("base", {"base": {"type": "hub"}})])
def test_where_nothing_is_trained_a_smaller_model_is_advised(kind, spec):
    with pytest.raises(UserError) as error, explain_out_of_memory(kind, KINDS[kind].batch, spec):
        raise TOO_MUCH
    assert str(error.value) == (
        f"The GPU's memory ran out in stage '{kind}': CUDA out of memory. "
        "Take a smaller base, or keep its weights in base.precision=bfloat16."
    )
