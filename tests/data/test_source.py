import pytest

from dormouse.errors import UserError
from dormouse.plan import file as plan_file


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "a.txt",
            "'world.path' cannot be used as it is (override 'world.path=a.txt'). 'a.txt' is not of a known kind.",
        ),
        ("5", "'world.path' cannot be used as it is (override 'world.path=5'). Give a path, or {dataset: .., file: .."),
        (
            "null",
            "'world.path' cannot be used as it is (override 'world.path=null'). Give a path, or {dataset: .., fil",
        ),
        ("{dataset: a/b, file: a.json}", "Key 'world.path.revision' is missing (override"),
        ("{dataset: a/b, file: a.json, revsion: q}", "Unknown key 'world.path.revsion' (override"),
    ],
)
def test_what_is_no_source_is_named_by_its_key_alone(given, said):
    with pytest.raises(UserError) as error:
        plan_file.load("hh", [f"world.path={given}"])
    assert str(error.value).startswith(said)
    assert "function" not in str(error.value)


@pytest.mark.parametrize("file", ["../../a.json", "/a.json"])
def test_a_path_that_leads_out_of_a_data_set_is_refused(file):
    with pytest.raises(UserError) as error:
        plan_file.load("hh", [f"world.path={{dataset: a/b, file: {file}, revision: {'a' * 40}}}"])
    assert str(error.value).startswith("'world.path.file' cannot be used as it is (override")
    assert f"'{file}' is outside the data set. Give a path inside it: " in str(error.value)
