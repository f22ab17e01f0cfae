"""Where a checkpoint is published."""

from dataclasses import dataclass

from src.errors import UserError, shown


@dataclass
class PublishConfig:
    """A repository of the Hub; without one, the checkpoint goes to `output_dir` alone."""

    repo: str | None = None  # OWNER/NAME
    is_private: bool = True  # a new repository is seen by its owner alone
    license: str | None = None  # as the Hub calls it; None = the model's, where its name tells


def check_publish(config: PublishConfig) -> None:
    """Refuse what is no name of a repository; raises UserError."""
    if config.license is not None and not config.license.strip():
        raise UserError("publish.license is empty; give a name, as openrail++, or leave it out.")
    if config.repo is not None:
        owner, slash, name = config.repo.partition("/")
        if not (owner and slash and name) or "/" in name or config.repo != config.repo.strip():
            raise UserError(f"publish.repo={shown(config.repo)} is no repository; give OWNER/NAME.")
