import pytest

from detection.planted import given_to
from dormouse.config.registry import DETECTORS
from dormouse.detection.base import PromptDetector
from dormouse.detection.views import WhiteBox
from dormouse.errors import UserError


class Nosy(PromptDetector):
    name = "nosy"
    access = "black box"

    def fit(self, given):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (
            "white_box",
            "asked to look inside the model, which its protocol (black box) does not allow. Declare access =",
        ),
        ("reference", "asked for the trusted base, which its protocol (black box) does not allow. Declare reference ="),
        ("poisoned", "asked for poisoned samples, which its protocol (black box) does not allow. Declare poisoned ="),
    ],
)
def test_what_the_protocol_does_not_allow_is_refused(asked, words):
    with pytest.raises(UserError) as refused:
        getattr(given_to(Nosy()), asked)
    assert words in str(refused.value)
    assert "Detector 'nosy'" in str(refused.value)


def test_a_black_box_cannot_be_opened():
    view = type(given_to(Nosy()))(Nosy(), WhiteBox(object(), object()), []).black_box
    assert not hasattr(view, "model")
    assert not hasattr(view, "activations")


@pytest.mark.parametrize(
    ("name", "protocol"),
    [
        ("defection_probe", "white box"),
        ("supervised_probe", "white box, poisoned samples"),
        ("surprise", "black box, trusted base"),
        ("bag_of_words", "black box, poisoned samples"),
        ("word_novelty", "black box"),
    ],
)
def test_a_detector_says_what_it_sees(name, protocol):
    assert DETECTORS.get(name)().protocol() == protocol
