"""Finished cells to an answer: every cell against the baseline, figures, page and record."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from src.config import RunConfig, settings_read
from src.errors import UserError
from src.evaluation.crossed import crossed_difference
from src.evaluation.measurement import Measurement
from src.evaluation.paired import each_of_many, paired_difference
from src.experiments import CONF, RECORDS, read_header
from src.report.answers import MEASURES, Compared, Measure
from src.report.heat_map import heat_map
from src.report.interactions import changes, interactions
from src.report.look import save_figure
from src.report.page import write_page
from src.report.record import Record, dotted, make_record, write_record
from src.report.sweep_figures import effect_curves, pareto
from src.report.sweep_page import FILE_NAME, Findings, conclusions, page
from src.report.sweep_table import Row, label_of, labelled, write_table
from src.tasks.outcome import table_printed
from src.whole_files import writable_folder, write_whole

PASSES, SECONDS = "passes a picture", "seconds a picture"  # names of measurements
REPEATED = "seed"  # the factor whose values are repetitions of a training, and no settings
RESAMPLES = 0  # seed of the paired intervals


def answer(
    rows: Sequence[Row], base: RunConfig, command: str, home: Path, also: Sequence[str] = ()
) -> None:
    """Print what came out; write table, figures, pages and record, committed ones if asked.

    also: figures that already lie in both places and belong on the pages.
    """
    chosen = choose_baseline(rows, base)
    findings = compare_all(rows, chosen, base)
    figures = figures_of(rows, chosen, findings.measure, base.name)
    record = record_of_sweep(rows, chosen, base, command)
    console = table_printed(findings.measurements)
    for heading, sentences in conclusions(findings).items():
        console.print(f"\n{heading}", style="bold")
        for sentence in sentences:
            console.print(f"- {sentence}", soft_wrap=True, markup=False)
    for target in [home, *([RECORDS / base.name] if base.save_record else [])]:
        writable_folder(target)
        saved = [save_figure(figure, target / name) for name, figure in figures.items()]
        saved += [target / name for name in also]
        written = [
            *saved,
            write_words(record, findings, saved, target),
            write_page(record, saved, target, _header(base.name)["question"]),
            write_table(rows, target),
            write_record(record, target),
        ]
        _tell(console, written)


def check_baseline(cells: Sequence[Mapping[str, str]], asked: Sequence[str]) -> None:
    """Raises UserError where ablation.baseline is none of the cells to be, or several settings.

    cells: the factors of each.
    """
    if not asked:
        return
    found = [factors for factors in cells if _is_as_asked(factors, asked)]
    if len({setting_of(factors) for factors in found}) != 1:
        known = "; ".join(map(label_of, cells))
        raise UserError(
            f"ablation.baseline={list(asked)} is {len(found)} of the cells; choose one of {known}."
        )


def choose_baseline(rows: Sequence[Row], base: RunConfig) -> Row:
    """The cell that the others are compared with; raises UserError where none is as asked."""
    asked = base.ablation.baseline
    check_baseline([row.factors for row in rows], asked)
    settings = dotted(settings_read(base, base.task))
    if asked:
        same = [row for row in rows if _is_as_asked(row.factors, asked)]
    else:
        same = [row for row in rows if row.cell.record.settings == settings]
    return same[0] if same else rows[0]


def _is_as_asked(factors: Mapping[str, str], asked: Sequence[str]) -> bool:
    return dict(text.split("=", 1) for text in asked).items() <= factors.items()


def compare_all(rows: Sequence[Row], chosen: Row, base: RunConfig) -> Findings:
    """Every cell's paired difference from the baseline, in the measure that decides."""
    confidence = base.evaluation.confidence
    baseline = chosen.cell.columns()
    measure = choose_measure(base.ablation.measure, baseline)
    if repeated := trainings_of(rows):
        return compare_trainings(repeated, chosen, measure, labelled(rows), confidence)
    others = [row for row in rows if row is not chosen]
    each = each_of_many(confidence, len(others) + len(changes(rows, chosen)))
    compared = [
        compared_cell(row.label, row.cell.columns(), baseline, measure, each) for row in others
    ]
    own = compared_cell(chosen.label, baseline, baseline, measure, confidence)
    both = interactions(rows, chosen, measure, each)
    return Findings(measure, own, compared, labelled(rows), confidence, both)


def setting_of(factors: Mapping[str, str]) -> str:
    """The label of a cell but for its training's seed."""
    return label_of({key: value for key, value in factors.items() if key != REPEATED})


def trainings_of(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows by their settings, where several seeds were trained; empty where not."""
    if len({row.factors.get(REPEATED) for row in rows}) < 2:
        return {}
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(setting_of(row.factors), []).append(row)
    return found


def compare_trainings(
    repeated: Mapping[str, Sequence[Row]],
    chosen: Row,
    measure: Measure,
    measurements: list[Measurement],
    confidence: float,
) -> Findings:
    """Every setting beside the baseline's, training by training of one seed, prompt by prompt."""
    own = setting_of(chosen.factors)
    others = [label for label in repeated if label != own]
    each = each_of_many(confidence, len(others))

    def compared(label: str, confidence: float) -> Compared:
        for row in repeated[label]:
            check_pairs(row.label, row.cell.columns(), chosen.cell.columns())
        tables = [_table(repeated[which], measure.column) for which in (label, own)]
        passes, seconds = (_table(repeated[label], name) for name in ("passes", "seconds"))
        return Compared(
            label,
            float(tables[0].mean()),
            crossed_difference(*tables, confidence),
            float(passes.mean()),
            float(seconds.mean()),
        )

    baseline, found = compared(own, confidence), [compared(label, each) for label in others]
    num_trainings = len(repeated[own])
    return Findings(measure, baseline, found, measurements, confidence, trainings=num_trainings)


def _table(rows: Sequence[Row], column: str) -> np.ndarray:
    """[trainings, pictures], in the order of the seeds as they were given."""
    return np.stack([row.cell.columns()[column] for row in rows])


def choose_measure(name: str | None, columns: dict[str, np.ndarray]) -> Measure:
    """The measure asked for, or the first that the pictures have."""
    known = [each for each in MEASURES if each in columns]
    if name is not None and name not in known:
        raise UserError(
            f"ablation.measure={name}: these pictures were not measured by it; choose "
            f"{' or '.join(known)}."
        )
    return MEASURES[name or known[0]]


def compared_cell(
    label: str,
    columns: dict[str, np.ndarray],
    baseline: dict[str, np.ndarray],
    measure: Measure,
    confidence: float,
) -> Compared:
    """One cell beside the baseline; raises UserError unless prompts and seeds are the same."""
    check_pairs(label, columns, baseline)
    values, others = columns[measure.column], baseline[measure.column]
    rng = np.random.default_rng(RESAMPLES)
    return Compared(
        label,
        float(values.mean()),
        paired_difference(values, others, rng, confidence),
        float(columns["passes"].mean()),
        float(columns["seconds"].mean()),
    )


def check_pairs(label: str, columns: Mapping, baseline: Mapping) -> None:
    """Raises UserError unless both were asked the same prompts with the same seeds."""
    for key in ("prompt", "seed"):
        if not np.array_equal(columns[key], baseline[key]):
            raise UserError(
                f"{label} was drawn with other {key}s than what it is compared with: only pictures "
                "of the same prompts and seeds make pairs."
            )


def figures_of(rows: Sequence[Row], chosen: Row, measure: Measure, title: str) -> dict:
    """The measures against what was swept, the price of quality, and two factors as a map."""
    if not rows[0].factors:
        return {}
    names = [each.name for each in rows[0].cell.record.measurements]
    decides = next(name for name in names if name.startswith(measure.begins))
    others = [name for name in names if name.startswith(("CLIP score", "FD[")) and name != decides]
    figures = {"effect.png": effect_curves(rows, [decides, *others], chosen, title)}
    if len({row.measurement(PASSES).value for row in rows}) > 1:  # or there is no price to weigh
        figures["pareto.png"] = pareto(rows, decides, [PASSES, SECONDS], title)
    if len(rows[0].factors) == 2:
        figures["heat_map.png"] = heat_map(rows, decides, title)
    return figures


def record_of_sweep(rows: Sequence[Row], chosen: Row, base: RunConfig, command: str) -> Record:
    """All cells' numbers in one record of the experiment as it stands."""
    own = chosen.cell.record
    return make_record(
        base.name,
        command,
        settings_read(base, base.task),
        settings_read(RunConfig(), base.task),
        labelled(rows),
        weights=own.weights,
        seeds=own.seeds,
        device=own.device,
        seconds=sum(row.cell.record.seconds for row in rows),
        data_hash=own.data_hash,
    )


def write_words(record: Record, findings: Findings, figures: Sequence[Path], target: Path) -> Path:
    """README.md: the answer in words."""
    names = [figure.name for figure in figures]
    origin = f"{record.recorded}, {record.device}, {record.seconds / 60:.0f} minutes of cells"
    text = page(record.name, _header(record.name), findings, names, record.command, origin)
    write_whole(target / FILE_NAME, text)
    return target / FILE_NAME


def _header(name: str) -> dict[str, str]:
    return read_header(CONF / "exp" / f"{name}.yaml")._asdict()


def _tell(console: Console, paths: Sequence[Path]) -> None:
    for path in paths:
        console.print(f"  {path}", soft_wrap=True, markup=False)
