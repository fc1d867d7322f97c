import httpx2
import huggingface_hub.constants
import pytest
from huggingface_hub import errors

from dormouse.bases.hub import Hub
from dormouse.errors import UserError
from dormouse.machine import downloads
from families import save_family

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Return the folder of a hub's cache that is empty, while the hub cannot be reached."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return tmp_path


@pytest.fixture
def cached(cache):
    """Return the folder of a model that lies in the cache."""
    stored = cache / "models--someone--small"
    (stored / "refs").mkdir(parents=True)
    (stored / "refs" / "main").write_text(COMMIT)
    return save_family("llama", stored / "snapshots" / COMMIT)


def test_a_cached_model_is_found_offline_and_known_by_its_commit(cached):
    base = Hub(model="someone/small")
    base.fetch()
    assert base.folder() == cached
    assert base.fingerprint() == COMMIT
    assert base.label() > 10_000
    assert Hub(model="someone/small", revision=COMMIT).folder() == cached


def test_a_model_that_is_not_cached_needs_the_network_once(cache):
    base = Hub(model="someone/other", revision="main")
    assert (base.label(), base.fingerprint()) == (None, "main")
    with pytest.raises(UserError, match=r"not in the hub's cache, and the hub cannot be reached.*base.type=folder"):
        base.fetch()
    with pytest.raises(UserError, match=r"not in the hub's cache.*hf download someone/other --revision main"):
        base.folder()


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (
            errors.GatedRepoError,
            "model 'someone/other' is gated. Accept its terms at https://huggingface.co/someone/other",
        ),
        (errors.RepositoryNotFoundError, "no model 'someone/other' on the hub"),
        (errors.RevisionNotFoundError, "no revision 'v2'"),
    ],
)
def test_what_the_hub_refuses_is_said_in_a_sentence(cache, monkeypatch, raised, said):
    def refuse(*_, local_files_only=False, **__):
        if local_files_only:
            raise errors.LocalEntryNotFoundError("not here")
        raise raised("no", response=httpx2.Response(403, request=httpx2.Request("GET", "https://huggingface.co")))

    monkeypatch.setattr(downloads, "snapshot_download", refuse)
    with pytest.raises(UserError, match=said):
        Hub(model="someone/other", revision="v2").fetch()


def test_a_model_with_pickles_alone_is_refused(cache, cached, monkeypatch):
    (cached / "model.safetensors").unlink()
    monkeypatch.setattr(downloads, "snapshot_download", lambda *_, **__: str(cached))
    with pytest.raises(UserError, match="no safetensors weights"):
        Hub(model="someone/small").fetch()


@pytest.mark.parametrize(
    "model", ["bloom", "../x/y", "a/b/c", "a b/c", "a--b/c", "a/b.git", "-a/b", "a/..", "a/" + "b" * 200]
)
def test_a_name_on_the_hub_has_an_owner(model):
    with pytest.raises(ValueError, match=r"is not a name on the hub\. Write owner and name"):
        Hub(model=model)
