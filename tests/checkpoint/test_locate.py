"""A checkpoint is a folder here or a name on the hub; anything else is told apart in a sentence."""

import pytest

from src.checkpoint.locate import locate
from src.errors import UserError


def test_a_folder_is_taken_as_it_is(tmp_path):
    assert locate(tmp_path) == tmp_path
    assert locate(str(tmp_path)) == tmp_path


def test_a_folder_wins_over_a_hub_name(tmp_path, monkeypatch):
    (tmp_path / "amused" / "amused-256").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert locate("amused/amused-256").is_dir()


@pytest.mark.parametrize("name", ["nowhere", "./no/folder", "/no/such/folder", "a/b/c", "../up"])
def test_a_name_that_is_neither_is_refused(name):
    with pytest.raises(UserError, match="there is no checkpoint folder"):
        locate(name)


def test_a_file_is_refused(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match="is a file, and a checkpoint is a folder"):
        locate(tmp_path / "model.safetensors")


@pytest.mark.parametrize("is_offline", [True, False])
def test_a_hub_checkpoint_that_cannot_be_had_is_one_sentence(monkeypatch, is_offline):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", is_offline)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody
    with pytest.raises(UserError, match=r"nobody/nothing is neither a folder here nor") as raised:
        locate("nobody/nothing")
    said = str(raised.value)
    assert "\n" not in said
    assert ("unset HF_HUB_OFFLINE" in said) == is_offline
    assert ("check the name and the connection" in said) == (not is_offline)


@pytest.mark.parametrize("name", ["", " ", None, 5])
def test_what_is_no_name_at_all_is_refused(name):
    with pytest.raises(UserError, match=r"give a folder that holds model_index.json"):
        locate(name)


@pytest.mark.parametrize("variant", ["../x", 16])
def test_a_variant_that_is_no_plain_name_is_not_fetched(variant):
    with pytest.raises(UserError, match=r"variant=.* is impossible; give a plain name, as fp16"):
        locate("nobody/nothing", variant)


def test_a_cached_hub_checkpoint_needs_no_connection(tmp_path, monkeypatch):
    import huggingface_hub.constants

    commit = "0" * 40
    cache = tmp_path / "models--somebody--something"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text(commit)
    (cache / "snapshots" / commit).mkdir(parents=True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert locate("somebody/something").name == commit
