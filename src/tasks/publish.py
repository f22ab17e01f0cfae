"""Put a checkpoint with its model card into a folder, and onto the Hub where one is named."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from src.config import EMBEDDED, PUBLISHED_MODELS, RunConfig
from src.errors import UserError
from src.experiments import RECORDS
from src.report.model_card import model_card
from src.report.record import FILE_NAME, Record, read_record
from src.tasks.drawing import short_hash
from src.tasks.inputs import open_model
from src.whole_files import write_whole

RECORD_OF = "evaluate"  # the experiment whose numbers a card shows, where they are of its weights

OURS, AUTHORS = "apache-2.0", "openrail++"  # licences of weights, as the Hub calls them

UNLICENSED = (
    "The card names no licence: give publish.license=NAME as the Hub calls it, openrail++ for "
    "weights that were made from the published ones."
)


def run(config: RunConfig, folder: Path) -> None:
    """Write the folder, push it, or both. Raises UserError before any of it is begun."""
    repo, console = config.publish.repo, Console(highlight=False)
    if repo is None and config.output_dir is None:
        raise UserError("Nowhere to publish: give output_dir=FOLDER or publish.repo=OWNER/NAME.")
    place = Path(config.output_dir).expanduser() if config.output_dir else None
    if place is not None:
        check_empty(place)
    token = None if repo is None else hub_token()
    with TemporaryDirectory() as temporary:
        written = place or Path(temporary) / "model"
        write_model(config, written)
        if license_of(config) is None:
            console.print(UNLICENSED, soft_wrap=True, markup=False)
        if place is not None:
            console.print(f"Written: {place}", soft_wrap=True, markup=False)
        if repo is not None:
            address = push(written, repo, token, config.publish.is_private)
            console.print(f"Published: {address}", soft_wrap=True, markup=False)


def check_empty(place: Path) -> None:
    """Refuse a file, and a folder that holds anything."""
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise UserError(f"output_dir={place} is there already and not empty; choose another one.")


def hub_token() -> str:
    """The token that the machine is logged in with; raises UserError without one, or offline."""
    from huggingface_hub import constants, get_token

    if constants.HF_HUB_OFFLINE or os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
        raise UserError(
            "publish.repo is given, and HF_HUB_OFFLINE keeps this machine from the Hub: leave "
            "publish.repo out and give output_dir=FOLDER, or unset HF_HUB_OFFLINE."
        )
    token = get_token()
    if token is None:
        raise UserError("There is no token for the Hub: run `hf auth login`, or set HF_TOKEN.")
    return token


def write_model(config: RunConfig, place: Path) -> None:
    """The checkpoint in the published layout, and its card last."""
    model = open_model(config)
    model.save_pretrained(place, config.variant)
    facts = {
        "pictures": f"{model.width} x {model.height} pixels",
        "parameters of the U-ViT": f"{sum(w.numel() for w in model.transformer.parameters()):,}",
        "precision of the weights": config.dtype,
        "weights' hash": short_hash(model),
        "made from": f"`{_origin(config.model)}`",
    }
    name, record = config.publish.repo or place.name, record_of(short_hash(model))
    card = model_card(name, facts, model.guidance_scale, record, license_of(config))
    write_whole(place / "README.md", card)


def license_of(config: RunConfig) -> str | None:
    """The licence that was given, or that of the weights where their name says whose they are.

    None: nobody knows; a folder may hold weights that were made from anything.
    """
    if config.publish.license is not None:
        return config.publish.license
    if config.model == EMBEDDED:
        return OURS
    hub_ids = PUBLISHED_MODELS.values()
    return AUTHORS if config.model in (*PUBLISHED_MODELS, *hub_ids) else None


def _origin(model: str) -> str:
    """What a reader may know of the model's place: of a folder its name, not where it lies."""
    return Path(model).expanduser().resolve().name if Path(model).expanduser().exists() else model


def record_of(weights_hash: str, folder: Path = RECORDS) -> Record | None:
    """The committed numbers of exactly these weights."""
    path = folder / RECORD_OF / FILE_NAME
    if not path.is_file():
        return None
    record = read_record(path)
    return record if record.weights.get("model") == weights_hash else None


def push(place: Path, repo: str, token: str, is_private: bool) -> str:
    """Upload the folder in one commit; its address. Raises UserError where the Hub refuses."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi(token=token)
    try:
        address = api.create_repo(repo, private=is_private, exist_ok=True)
        api.upload_folder(repo_id=repo, folder_path=place, commit_message="The checkpoint")
    except (HfHubHTTPError, OSError) as error:
        reason = str(error).strip().splitlines()
        raise UserError(
            f"publish.repo={repo}: the Hub refused ({reason[0] if reason else 'no reason given'}); "
            "check the token's rights and the network."
        ) from error
    return str(address)
