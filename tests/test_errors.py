from dormouse.errors import did_you_mean


def test_a_near_name_is_guessed_and_every_known_name_is_listed():
    assert did_you_mean("triger", ["trigger", "behavior"]) == " Did you mean 'trigger'? Known: behavior, trigger."


def test_a_name_like_nothing_known_gets_no_guess():
    assert did_you_mean("zzz", ["trigger", "behavior"]) == " Known: behavior, trigger."


def test_nothing_known_is_said():
    assert did_you_mean("a", []) == " Known: none."
