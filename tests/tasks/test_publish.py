"""A checkpoint in a folder: complete, with its card; and every refusal in a sentence."""

from dataclasses import replace

import huggingface_hub
import pytest
import yaml

from src.amused import Amused
from src.errors import UserError
from src.report.publish_config import PublishConfig, check_publish
from src.tasks import publish
from src.tasks.publish import record_of, run

pytestmark = pytest.mark.filterwarnings("ignore")


def test_the_folder_opens_in_both_libraries_and_has_its_card(config, model_folder, tmp_path):
    from diffusers import AmusedPipeline

    place = tmp_path / "out"
    run(config("publish", output_dir=str(place)), tmp_path)
    opened = Amused.from_pretrained(place)
    assert opened.weights_hash == Amused.from_pretrained(model_folder).weights_hash
    assert AmusedPipeline.from_pretrained(place).transformer.config.hidden_size == 16
    card = (place / "README.md").read_text(encoding="utf-8")
    assert yaml.safe_load(card.split("---\n")[1])["library_name"] == "diffusers"
    assert opened.weights_hash[:12] in card
    assert "| made from | `tiny` |" in card
    assert str(model_folder) not in card, "where it lay is nobody's business"
    assert "Nothing was measured of these weights." in card


@pytest.mark.parametrize(
    ("model", "given", "license_name"),
    [
        ("embedded", None, "apache-2.0"),
        ("amused_256", None, "openrail++"),
        ("amused/amused-512", None, "openrail++"),
        ("amused_256", "other", "other"),
        ("some/folder", None, None),
        ("some/folder", "openrail++", "openrail++"),
    ],
)
def test_the_licence_is_the_weights_own_where_it_is_known(config, model, given, license_name):
    asked = replace(config("publish", publish=PublishConfig(license=given)), model=model)
    assert publish.license_of(asked) == license_name


def test_the_licence_stands_in_the_cards_header_and_where_none_does_it_is_said(
    config, tmp_path, capsys
):
    for given in ("openrail++", None):
        place = tmp_path / str(given)
        asked = config("publish", publish=PublishConfig(license=given), output_dir=str(place))
        run(asked, tmp_path)
        header = yaml.safe_load((place / "README.md").read_text(encoding="utf-8").split("---\n")[1])
        assert header.get("license") == given
        assert ("The card names no licence" in capsys.readouterr().out) == (given is None)


def test_only_numbers_of_the_same_weights_are_shown():
    shipped = Amused.embedded().weights_hash[:12]
    assert record_of(shipped).weights["model"] == shipped
    assert record_of("0" * 12) is None


def test_a_folder_with_anything_in_it_is_left_alone(config, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match=r"output_dir=.* is there already and not empty"):
        run(config("publish", output_dir=str(tmp_path)), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_without_a_place_nothing_is_done(config, tmp_path):
    with pytest.raises(UserError, match="Nowhere to publish"):
        run(config("publish"), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("offline", "said"), [("1", "HF_HUB_OFFLINE keeps"), ("0", "no token")])
def test_without_network_or_token_nothing_is_written(config, tmp_path, monkeypatch, offline, said):
    monkeypatch.setenv("HF_HUB_OFFLINE", offline)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", offline == "1")
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    asked = config("publish", publish=PublishConfig("me/it"), output_dir=str(tmp_path / "out"))
    with pytest.raises(UserError, match=said):
        run(asked, tmp_path)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("repo", ["tiny", "/tiny", "me/", "me/it/too", "", " me/it"])
def test_what_is_no_repository_is_refused(repo):
    with pytest.raises(UserError, match=r"publish\.repo=.* is no repository; give OWNER/NAME"):
        check_publish(PublishConfig(repo))


def test_an_empty_licence_is_refused():
    with pytest.raises(UserError, match=r"publish\.license is empty"):
        check_publish(PublishConfig(license=" "))


def test_what_the_hub_refuses_is_told_in_a_sentence(tmp_path, monkeypatch):
    class Refusing:
        def __init__(self, token):
            pass

        def create_repo(self, *_, **__):
            raise OSError("no route\nand more")

    monkeypatch.setattr(huggingface_hub, "HfApi", Refusing)
    with pytest.raises(UserError, match=r"publish\.repo=me/it: the Hub refused \(no route\)"):
        publish.push(tmp_path, "me/it", "token", True)
