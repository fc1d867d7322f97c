import json

import pytest

from dormouse.errors import UserError
from dormouse.store.sealed import (
    is_sealed,
    read_record,
    read_text,
    sealed,
    sealed_text,
    unsealed,
    unsealed_text,
)

CONTENT = {"kind": "base", "seconds": 1.5, "labels": {"size": 70_000, "text": "a\u2028b é"}}
OLD = (json.dumps(CONTENT, indent=1) + "\n").encode()
TEXT = "name: small\nbase: {size: 20000}\ntitle: é\n"


def flips(data):
    """Return the data once for each of its bits, that bit flipped."""
    for i in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[i] ^= 1 << bit
            yield bytes(flipped)


def test_what_is_sealed_is_json_that_begins_with_its_checksum_and_reads_back():
    text = sealed(CONTENT)
    assert list(json.loads(text)) == ["checksum", *CONTENT]
    assert unsealed(text.encode(), "kind") == CONTENT
    assert is_sealed(text.encode())


def test_every_flipped_bit_is_found_in_white_space_digits_and_the_checksum_itself():
    tried = 0
    for flipped in flips(sealed(CONTENT).encode()):
        with pytest.raises(ValueError, match="checksum"):
            unsealed(flipped, "kind")
        tried += 1
    assert tried == 8 * len(sealed(CONTENT))


def test_a_file_without_a_checksum_is_read_if_it_begins_as_such_files_did():
    assert unsealed(OLD, "kind") == CONTENT
    assert not is_sealed(OLD)
    with pytest.raises(ValueError, match="begins with no checksum"):
        unsealed(OLD, "experiment")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{\n "kind": ', b'{\n "kind": 1}]', b'{\n "kind": "\xff"}'])
def test_what_is_half_a_file_or_another_is_none(data):
    with pytest.raises(ValueError):  # noqa: PT011 -- the readers say what is wrong in words of their own
        unsealed(data, "kind")


def test_a_text_carries_its_checksum_in_a_comment():
    text = sealed_text(TEXT)
    assert text.startswith("# checksum: ")
    assert text.endswith(TEXT)
    assert unsealed_text(text.encode(), "name: ") == unsealed_text(TEXT.encode(), "name: ") == TEXT
    for flipped in flips(text.encode()):
        with pytest.raises(ValueError, match="checksum"):
            unsealed_text(flipped, "name: ")


def test_a_record_is_read_or_there_is_none_or_a_sentence_names_it(tmp_path):
    path = tmp_path / "run.json"
    assert read_record(path, "kind", "Delete it.") is None
    assert read_record(path / "below-a-file", "kind", "Delete it.") is None
    path.write_text(sealed(CONTENT))
    assert read_record(path, "kind", "Delete it.") == CONTENT
    assert read_record(path / "below-a-file", "kind", "Delete it.") is None
    path.write_text(sealed(CONTENT).replace("base", "case"))
    with pytest.raises(UserError) as error:
        read_record(path, "kind", "Delete it.")
    assert str(error.value) == f"File '{path}' is damaged: it is not what was written. Delete it."
    (tmp_path / "plan.yaml").mkdir()
    with pytest.raises(UserError, match=r"plan.yaml' is no plain file\. Delete it\."):
        read_text(tmp_path / "plan.yaml", "name: ", "Delete it.")


def test_a_record_that_may_not_be_read_is_said(tmp_path, monkeypatch):
    path = tmp_path / "run.json"
    path.write_text(sealed(CONTENT))

    def refused(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(type(path), "read_bytes", refused)
    with pytest.raises(UserError, match=r"run.json' cannot be read \(Permission denied\)\. Delete it\."):
        read_record(path, "kind", "Delete it.")
