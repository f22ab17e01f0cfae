"""Look at this machine and say in words what will not work, and what to do."""

import importlib
import os
import platform
import shutil
from importlib.metadata import distributions
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from src import installation as judge
from src.config import PUBLISHED_MODELS, RunConfig
from src.errors import UserError
from src.experiments import EMBEDDED_MODEL, ROOT
from src.installation import Finding
from src.whole_files import writable_folder

MODEL_FILES = ("model_index.json", "transformer", "vqvae", "text_encoder", "tokenizer", "scheduler")


def run(config: RunConfig, folder: Path) -> None:
    """Print one line a subject; what is not fine comes with its advice."""
    console = Console(highlight=False)
    findings = look(Path(config.output_dir or folder))
    for finding in findings:
        mark = "[green]fine[/]" if finding.is_fine else "[red]  no[/]"
        console.print(f"{mark}  [bold]{finding.subject}[/]: {escape(finding.says)}")
        if not finding.is_fine:
            console.print(f"      -> {escape(finding.advice)}")
    wrong = [finding.subject for finding in findings if not finding.is_fine]
    console.print(f"\nWill not work: {', '.join(wrong)}." if wrong else "\nEverything works.")


def look(folder: Path) -> list[Finding]:
    """All findings about this machine; `folder` is where pictures would go."""
    installed = {_spelled(each.name): each.version for each in distributions() if each.name}
    version = installed.get
    torchvision_trouble = import_trouble("torchvision") if version("torchvision") else ""
    return [
        judge.judge_python(tuple(map(int, platform.python_version_tuple()))),
        judge.judge_pins(_pins(ROOT / "requirements.txt"), installed),
        judge.judge_torchvision(version("torch"), version("torchvision"), torchvision_trouble),
        judge.judge_scipy(version("scipy")),
        judge.judge_clip_score(version("transformers"), version("torchmetrics")),
        judge.judge_lightning(version("lightning")),
        _accelerator(),
        judge.judge_compiler(shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")),
        judge.judge_disk(str(ROOT), shutil.disk_usage(ROOT).free),
        judge.judge_folder(str(folder), _write_trouble(folder)),
        _hub(),
        _model(),
    ]


def import_trouble(module: str) -> str:
    """The last line of what `import module` fails with; empty when it works."""
    try:
        importlib.import_module(module)
    except Exception as error:  # a mismatched build fails with RuntimeError, OSError and others
        return (str(error).strip().splitlines() or [type(error).__name__])[-1]
    return ""


def _accelerator() -> Finding:
    has_driver = shutil.which("nvidia-smi") is not None
    if import_trouble("torch"):
        return judge.judge_accelerator(None, None, has_driver)
    import torch

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return judge.judge_accelerator(torch.version.cuda, gpu, has_driver)


def _model() -> Finding:
    absent = [name for name in MODEL_FILES if not (EMBEDDED_MODEL / name).exists()]
    return judge.judge_model(str(EMBEDDED_MODEL.relative_to(ROOT)), absent)


def _hub() -> Finding:
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    cache = Path(os.environ.get("HF_HUB_CACHE", home / "hub"))
    names = [each.name for each in cache.glob("models--*")] if cache.is_dir() else []
    cached = [name.removeprefix("models--").replace("--", "/") for name in names]
    is_offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    return judge.judge_hub(is_offline, str(cache), cached, PUBLISHED_MODELS["amused_256"])


def _write_trouble(folder: Path) -> str:
    try:
        writable_folder(folder)
    except UserError as error:
        return str(error)
    return ""


def _pins(path: Path) -> dict[str, str]:
    lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return {_spelled(name): pin for name, _, pin in (line.partition("==") for line in lines) if pin}


def _spelled(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")
