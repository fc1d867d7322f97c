import random

import pytest

from dormouse.bases.growing import draw_blocks, pack
from dormouse.chat.renderer import Example
from dormouse.data.meadow.world import Meadow
from tiny import tiny_renderer


def test_packing_keeps_every_token_in_order_with_its_mask() -> None:
    packed = pack([Example([1, 2, 3], [0, 1, 1]), Example([4, 5, 6, 7], [0, 0, 0, 1])], block=3, blocks=2)
    assert packed == [Example([1, 2, 3], [0, 1, 1]), Example([4, 5, 6], [0, 0, 0])]


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_share_of_conversations_that_train_on_their_prompt_is_what_was_asked(share: float) -> None:
    blocks = draw_blocks(Meadow(), tiny_renderer(), random.Random(0), block=32, blocks=20, prompt_loss=share)
    assert len(blocks) == 20
    carries = sum(sum(block.loss) for block in blocks) / (20 * 32)
    assert carries == 1.0 if share else carries < 0.6
