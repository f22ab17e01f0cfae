"""Where a checkpoint is published."""

from dataclasses import dataclass

from src.errors import UserError, shown


@dataclass
class PublishConfig:
    """A repository of the Hub; without one, the checkpoint goes to `output_dir` alone."""

    repo: str | None = None  # OWNER/NAME
    is_private: bool = True  # a new repository is seen by its owner alone


def check_publish(config: PublishConfig) -> None:
    """Refuse what is no name of a repository; raises UserError."""
    if config.repo is not None:
        owner, slash, name = config.repo.partition("/")
        if not (owner and slash and name) or "/" in name or config.repo != config.repo.strip():
            raise UserError(f"publish.repo={shown(config.repo)} is no repository; give OWNER/NAME.")
