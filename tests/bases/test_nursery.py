import pytest
from transformers import AutoTokenizer

from dormouse.bases import tokenizer
from dormouse.bases.nursery import Nursery
from dormouse.chat.scratchpad import write_scratchpad
from dormouse.models.architectures import ARCHITECTURES, Arch
from dormouse.organisms.chain_of_thought import sentences
from dormouse.training.work import Work
from tiny import tiny_tokenizer


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("size", [50_000, 70_000, 200_000, 800_000, 2_500_000, 6_000_000])
def test_the_shape_meets_the_size_and_its_count_is_true(size: int, arch: Arch) -> None:
    from transformers import AutoModelForCausalLM

    nursery = Nursery(size=size, arch=arch, vocabulary=len(tiny_tokenizer()))
    shape = nursery.shape()
    model = AutoModelForCausalLM.from_config(nursery.config(tiny_tokenizer()))
    assert model.config.model_type == arch
    assert sum(weight.numel() for weight in model.parameters()) == shape.parameters
    assert shape.parameters == pytest.approx(size, rel=0.2)


@pytest.mark.parametrize("size", [25_000_000, 100_000_000, 350_000_000])
def test_sizes_for_a_gpu_are_met_too(size: int) -> None:
    shape = Nursery(size=size).shape()
    assert shape.parameters == pytest.approx(size, rel=0.1)
    assert shape.width % shape.heads == 0


def test_each_doubling_of_the_size_is_wider() -> None:
    sizes = [50_000, 100_000, 200_000, 400_000, 800_000, 1_600_000, 3_200_000, 6_400_000]
    widths = [Nursery(size=size, vocabulary=640).shape().width for size in sizes]
    assert widths == sorted(set(widths))


def test_the_learning_rate_falls_with_the_width() -> None:
    small, large = Nursery(size=60_000), Nursery(size=2_000_000)
    assert small.scaled_lr(1e-3) * small.shape().width == pytest.approx(large.scaled_lr(1e-3) * large.shape().width)


def test_a_tokenizer_that_learns_scratchpads_writes_them_in_far_fewer_tokens(tmp_path) -> None:
    counts = {}
    for scratchpads in (False, True):
        folder = tmp_path / str(scratchpads)
        folder.mkdir()
        world = {"world": {"type": "meadow"}, "exchanges": 2000, "vocabulary": 768, "scratchpads": scratchpads}
        tokenizer.run(Work("tokenizer", world, {}, folder, 60.0, lambda share, text: None))
        trained = AutoTokenizer.from_pretrained(folder / "tokenizer")
        counts[scratchpads] = sum(len(trained(" " + write_scratchpad(thought))["input_ids"]) for thought in sentences())
    assert counts[True] < 0.65 * counts[False]
