"""The notebooks run from top to bottom, and a static site of what they show."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from src.config import RunConfig
from src.errors import UserError
from src.experiments import EMBEDDED_MODEL, RECORDS, ROOT
from src.report.code_identity import code_hashes
from src.report.site import index_page, is_current, made_from, notebook_page, read_chapter
from src.whole_files import writable_folder, write_whole

NOTEBOOKS = ROOT / "notebooks"
SECONDS_A_CELL = 600


def run(config: RunConfig, folder: Path) -> None:
    """A page a notebook and one that leads to them; a page made from the same is not made again."""
    target = Path(config.output_dir) if config.output_dir else ROOT / "outputs" / "pages"
    paths = sorted(NOTEBOOKS.glob("*.ipynb"))
    writable_folder(target)
    code = "".join(code_hashes(ROOT).values())
    read = [*RECORDS.glob("*/*.json"), *RECORDS.glob("*/*.png"), *RECORDS.glob("*/README.md")]
    read += EMBEDDED_MODEL.rglob("*.safetensors")
    chapters = [read_chapter(path) for path in paths]
    console = Console(highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=len(paths))
        for path, chapter in zip(paths, chapters, strict=True):
            progress.update(bar, description=chapter.name)
            source = made_from(path, code, read)
            page = target / f"{chapter.name}.html"
            if not is_current(page, source):
                content = notebook_page(executed(path), chapter, source)
                write_whole(page, content.encode())
            progress.advance(bar)
    write_whole(target / "index.html", index_page(chapters).encode())
    console.print(f"{len(paths)} notebooks in {target / 'index.html'}")


def executed(path: Path):
    """The notebook with its outputs; raises UserError with what went wrong in it."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=SECONDS_A_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": str(ROOT)}},  # where `import src` works
    )
    try:
        return client.execute()
    except (CellTimeoutError, DeadKernelError) as error:
        raise UserError(
            f"{path.name} does not run to its end: a cell took more than {SECONDS_A_CELL} seconds, "
            "or its kernel died; open it with `make lab` to see where."
        ) from error
    except CellExecutionError as error:
        raise UserError(
            f"{path.name} does not run to its end: {error.ename}: {error.evalue}; open it with "
            "`make lab` to see where."
        ) from error
