"""What of this machine or installation will not work, said in words: one function a subject.

Each function judges plain values (versions, sizes, error texts), so that a machine nobody has at
hand can be tested too; `src.tasks.doctor` reads the values of this one.
"""

import re
from typing import NamedTuple

from src.errors import nearest

GIB = 2**30
SMALLEST_DISK = 2 * GIB  # runs, caches and a glyph training fit
PUBLISHED_DISK = 6 * GIB  # the published model, all parts in float32, in the cache and saved
STOLEN = ("2.6.2", "2.6.3")  # lightning releases that sent credentials away (GHSA-w37p-236h-pfx3)


class Finding(NamedTuple):
    subject: str
    is_fine: bool
    says: str
    advice: str = ""  # what to do where it is not fine


def numbers(version: str) -> tuple[int, ...]:
    """ "2.14.1+cpu" -> (2, 14, 1)."""
    return tuple(int(part) for part in re.match(r"[\d.]*", version)[0].split(".") if part)


def judge_python(version: tuple[int, ...]) -> Finding:
    text = ".".join(map(str, version[:3]))
    if version[:2] == (3, 11):
        return Finding("Python", True, f"{text}, what the pins were resolved for.")
    return Finding(
        "Python",
        False,
        f"{text}, and the pins were resolved for 3.11.",
        "Make the environment anew: make setup PYTHON=python3.11, or conda with environment.yml.",
    )


def judge_pins(pinned: dict[str, str], installed: dict[str, str]) -> Finding:
    """Compare requirements.txt with what is there (names in one spelling)."""
    absent = sorted(name for name in pinned if name not in installed)
    other = sorted(
        f"{name} {installed[name]} instead of {version}"
        for name, version in pinned.items()
        if name in installed and installed[name].partition("+")[0] != version
    )
    if not absent and not other:
        return Finding("Packages", True, f"all {len(pinned)} are the pinned versions.")
    parts = [f"not installed: {', '.join(absent)}"] if absent else []
    parts += [", ".join(other[:8]) + (" ..." if len(other) > 8 else "")] if other else []
    return Finding("Packages", False, "; ".join(parts) + ".", "pip install -r requirements.txt")


def judge_torchvision(torch: str | None, torchvision: str | None, trouble: str = "") -> Finding:
    """Version 0.N of torchvision belongs to 2.(N - 15) of torch, from the same index.

    Args:
        trouble: the error text of `import torchvision`, empty when it works.
    """
    subject, advice = "torch and torchvision", "pip install -r requirements.txt"
    if torch is None or torchvision is None:
        absent = "torch" if torch is None else "torchvision"
        what = "nothing runs" if torch is None else "the Fréchet distance (clean-fid) does not run"
        return Finding(subject, False, f"{absent} is not installed, so {what}.", advice)
    pair = f"torch {torch} with torchvision {torchvision}"
    fitting = numbers(torchvision)[1] - 15
    if numbers(torch)[:2] != (2, fitting):
        says = f"{pair}; this torchvision belongs to torch 2.{fitting}."
        return Finding(subject, False, says, advice)
    if "nms" in trouble:
        return Finding(
            subject,
            False,
            f"{pair} come from different builds (CPU and CUDA), so `import torchvision` fails.",
            "Uninstall both and install both from one index: the CPU one or the CUDA one.",
        )
    if trouble:
        return Finding(subject, False, f"{pair}, and import fails: {trouble}.", advice)
    return Finding(subject, True, f"{pair}, which belong together.")


def judge_scipy(scipy: str | None) -> Finding:
    if scipy is None:
        says = "not installed, so the Fréchet distance does not run."
    elif numbers(scipy) >= (1, 18):
        says = f"{scipy} took away the matrix root's `disp`, which clean-fid 0.1.35 passes."
    else:
        return Finding("SciPy", True, f"{scipy}, which clean-fid can use.")
    return Finding("SciPy", False, says, "pip install 'scipy<1.18'")


def judge_clip_score(transformers: str | None, torchmetrics: str | None) -> Finding:
    subject = "CLIP score"
    if transformers is None or torchmetrics is None:
        absent = "transformers" if transformers is None else "torchmetrics"
        advice = "pip install -r requirements.txt"
        return Finding(subject, False, f"{absent} is not installed, so it does not run.", advice)
    if numbers(transformers) < (5,):
        return Finding(
            subject,
            False,
            f"transformers {transformers}; the code is written for 5.",
            "pip install -r requirements.txt",
        )
    if numbers(torchmetrics) < (1, 10):
        return Finding(
            subject,
            True,
            f"works. Own scripts beware: torchmetrics {torchmetrics} given a model's name fails "
            f"with transformers {transformers}; src.evaluation hands it a model instead.",
        )
    return Finding(subject, True, f"torchmetrics {torchmetrics} with transformers {transformers}.")


def judge_lightning(lightning: str | None) -> Finding:
    if lightning is None:
        advice = "pip install -r requirements.txt"
        return Finding("Lightning", False, "not installed, so nothing trains.", advice)
    if lightning in STOLEN:
        return Finding(
            "Lightning",
            False,
            f"{lightning} carried code that steals credentials (GHSA-w37p-236h-pfx3).",
            "Uninstall it, install the pinned one, and renew every credential of this machine.",
        )
    return Finding("Lightning", True, f"{lightning}.")


def judge_accelerator(build: str | None, gpu: str | None, has_driver: bool) -> Finding:
    """Args: torch's CUDA version, the GPU that it sees, whether a driver is installed."""
    if gpu is not None:
        return Finding("Accelerator", True, f"{gpu}, CUDA {build}.")
    if has_driver and build is None:
        return Finding(
            "Accelerator",
            False,
            "there is an NVIDIA driver, but torch was built without CUDA.",
            "Install torch and torchvision from the CUDA index, both in one command.",
        )
    if has_driver:
        return Finding(
            "Accelerator",
            False,
            f"there is an NVIDIA driver, but torch (CUDA {build}) sees no GPU.",
            "Compare nvidia-smi's CUDA version with torch's, and look at CUDA_VISIBLE_DEVICES.",
        )
    return Finding(
        "Accelerator",
        True,
        "none. The embedded model takes seconds on the processor; the published one minutes "
        "a picture.",
    )


def judge_disk(folder: str, free: int) -> Finding:
    says = f"{free / GIB:.1f} GiB free at {folder}"
    if free < SMALLEST_DISK:
        advice = f"Free {SMALLEST_DISK / GIB:.0f} GiB: runs, caches and a training need it."
        return Finding("Disk", False, says + ".", advice)
    if free < PUBLISHED_DISK:
        says += f"; the published checkpoint wants {PUBLISHED_DISK / GIB:.0f}"
    return Finding("Disk", True, says + ".")


def judge_folder(folder: str, trouble: str) -> Finding:
    """Args: trouble: why a file could not be written there, empty when it could."""
    subject = "Write access"
    if not trouble:
        return Finding(subject, True, f"{folder} takes files.")
    return Finding(subject, False, trouble, "Give output_dir=PATH, or another owner to the folder.")


def judge_hub(is_offline: bool, cache: str, cached: list[str], wanted: str) -> Finding:
    """Args: the hub's cache folder, the ids of the models in it, the id that is asked for."""
    if wanted in cached:
        return Finding("Hub", True, f"{wanted} is in the cache ({cache}).")
    says = f"{wanted} is not in the cache ({cache})"
    if cached:
        says += f", which holds {', '.join(sorted(cached)[:5])}"
    if not is_offline:
        return Finding("Hub", True, says + "; model=amused_256 downloads it (3 GB) the first time.")
    close = nearest(wanted, cached) if cached else ""
    return Finding(
        "Hub",
        False,
        f"{says}, and HF_HUB_OFFLINE forbids the download. {close}".strip(),
        "Unset HF_HUB_OFFLINE, or give model=FOLDER. The embedded model needs no hub.",
    )


def judge_compiler(compiler: str | None) -> Finding:
    if compiler:
        return Finding("C++ compiler", True, f"{compiler}, so torch.compile works.")
    advice = "Install g++, or leave training.compile=false (the default)."
    return Finding("C++ compiler", False, "none, so torch.compile does not work.", advice)


def judge_model(folder: str, absent: list[str]) -> Finding:
    """Args: the shipped model's folder and the files that it lacks."""
    if not absent:
        return Finding("Embedded model", True, f"in {folder}.")
    says = f"{folder} lacks {', '.join(absent)}."
    return Finding("Embedded model", False, says, f"git checkout -- {folder}")
