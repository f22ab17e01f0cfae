"""What was typed after `python -m src.run`, sorted into flags and `key=value` overrides."""

from typing import NamedTuple

from src.errors import UserError, nearest
from src.experiments import KINDS, experiments, own_grid

CFG_CHOICES = ("job", "hydra", "all")
FLAGS = ("--help", "-h", "--cfg", "-c", "--multirun", "-m")


class Request(NamedTuple):
    """A command line that was understood."""

    overrides: tuple[str, ...]  # "key=value", "+exp=NAME"; as typed
    grid: tuple[str, ...] = ()  # the values that the experiment's own file sweeps over
    is_help: bool = False
    is_sweep: bool = False
    shown: str | None = None  # --cfg: print this part of the composed configuration and stop


def read_request(arguments: list[str]) -> Request:
    """Sort the arguments; raises UserError for a flag or a form that is not known.

    Hydra's flags that read other folders or unpickle a former job (`--config-dir`,
    `--experimental-rerun`) are left out on purpose: what runs comes from `conf` alone.
    """
    overrides, shown, is_help, is_sweep = [], None, False, False
    rest = iter(arguments)
    for argument in rest:
        flag, _, value = argument.partition("=")
        if not argument.startswith("-"):
            overrides.append(_checked_form(argument))
        elif flag in ("--cfg", "-c"):
            shown = value or next(rest, "")
            if shown not in CFG_CHOICES:
                raise UserError(f"--cfg shows 'job', 'hydra' or 'all', not '{shown}'.")
        elif argument in ("--help", "-h"):
            is_help = True
        elif argument in ("--multirun", "-m"):
            is_sweep = True
        else:
            raise UserError(f"'{argument}' is no flag of this command; {nearest(flag, FLAGS)}")
    own = _grid_of(overrides)
    typed = {text.partition("=")[0] for text in overrides}
    grid = tuple(f"{key}={values}" for key, values in own.items() if key not in typed)
    return Request(tuple(overrides), grid, is_help, is_sweep or bool(own), shown)


def _grid_of(overrides: list[str]) -> dict[str, str]:
    """What the chosen experiment's own file sweeps over; what is typed wins over it."""
    chosen = [text.removeprefix("+exp=") for text in overrides if text.startswith("+exp=")]
    grids = [own_grid(header.name) for header in experiments() if header.name in chosen]
    return {key: values for grid in grids for key, values in grid.items()}


def _checked_form(argument: str) -> str:
    if "=" in argument or argument.startswith("~"):
        return argument
    names = [header.name for header in experiments()]
    if argument in names:
        raise UserError(f"'{argument}' is an experiment: write +exp={argument}.")
    raise UserError(f"'{argument}' is not of the form key=value; an experiment is +exp=NAME.")


def listing() -> str:
    """Every experiment with its question, as printed by the bare command."""
    headers = experiments()
    width = max(len(header.name) for header in headers) + 2
    lines = ["python -m src.run +exp=NAME [key=value ...]      --help says more", ""]
    for kind in KINDS:
        lines.append({"experiment": "Experiments", "command": "Commands"}[kind])
        lines += [f"  {h.name:<{width}}{h.question}" for h in headers if h.kind == kind]
        lines.append("")
    return "\n".join(lines).rstrip()


HELP = """\
python -m src.run                         list the experiments and their questions
python -m src.run +exp=NAME               run one; its folder appears in experiments/NAME/runs
python -m src.run +exp=NAME key=value     ... with another setting
python -m src.run -m +exp=NAME key=1,2,3  ... once for each value
python -m src.run +exp=NAME --cfg job     show the whole configuration and stop

Settings worth knowing
  prompts='["a red heart"]'       or prompts_file=PATH, a prompt a line
  model=embedded                  or a folder of a checkpoint, amused_256, amused_512, a hub id
  seeds=[1,2,3]                   one an image; a seed fixes the picture whatever its batch
  sampler.num_steps=12            decoding steps
  sampler.guidance_scale=2        1 = off; left out, the model's own
  device=auto                     cpu, cuda, cuda:1
  output_dir=PATH                 where pictures go instead of the run's folder
  save_record=true                replace the committed record, figures and page of the experiment

Every key and its default: python -m src.run +exp=NAME --cfg job. Exit status: 0 done, 2 the input
cannot work (one sentence says why), 130 interrupted, 141 nobody reads the output any more."""
