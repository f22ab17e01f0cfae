"""A new pictogram is taught from one picture; a killed run goes on, and what is lost is told."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from src.compose import composed
from src.config import check
from src.data.config import DataConfig
from src.data.oracle import Oracle
from src.data.scenes import World
from src.errors import UserError
from src.report.record import read_record
from src.tasks.teach_glyph import _measured, _sees, run
from src.training.config import TrainingConfig
from src.training.lesson import Lesson
from src.training.lesson_config import LessonConfig
from tests.tasks.conftest import WORLD

LESSON = LessonConfig(color="red", num_pasted=6, num_prompts=3, num_old_prompts=4)


@pytest.fixture
def short(config, tmp_path):
    training = TrainingConfig(
        begin="model",
        method="lora",
        ema_decay=0.0,
        preset=None,
        max_steps=3,
        batch_size=4,
        sample_every=3,
        log_every=1,
        num_workers=0,
    )
    out = str(tmp_path / "out")
    return config("teach_glyph", name="new_glyph", training=training, lesson=LESSON, output_dir=out)


@pytest.mark.filterwarnings("ignore")
def test_a_lesson_is_given_and_examined(short, tmp_path):
    assert run(short, tmp_path)
    out = tmp_path / "out"
    told = {(each.name, each.subject): each for each in read_record(out).measurements}
    assert told["club seen, prompts of club", "after"].num_samples == 3
    assert told["whole scene right, old prompts", "before less after"].num_samples == 4
    for figure in ("lesson.png", "drawn.png", "health.png"):
        assert (out / figure).is_file()
    files = {path: path.stat().st_mtime_ns for path in out.glob("[ab]*/*/*.png")}
    assert len(files) == 2 * (3 + 4)
    assert run(short, tmp_path)  # nothing is drawn or trained again
    assert files == {path: path.stat().st_mtime_ns for path in out.glob("[ab]*/*/*.png")}
    with pytest.raises(UserError, match=r"lesson\.num_pasted=6 and is asked to go on with 7"):
        run(replace(short, lesson=replace(LESSON, num_pasted=7)), tmp_path)


def test_the_lesson_shows_the_new_shape_alone_and_among_old_ones_and_keeps_its_prompts_unseen():
    lesson = Lesson(World(DataConfig(**vars(WORLD))), LESSON)
    pasted, prompts = lesson.pasted(0), lesson.prompts()
    assert [len(each.scene.objects) for each in pasted] == [1, 2] * 3
    oracle = Oracle(lesson.world)
    for each in (*pasted, *prompts):
        assert [x.size for x in each.scene.objects if x.glyph == "club"] == ["large"]
        assert "club" in each.caption
    sees = _sees("club", oracle, [Image.fromarray(each.picture) for each in pasted])
    assert sees.mean() == 1  # the pasted shape reads as the font's
    scenes = {each.scene for each in pasted}
    assert not scenes & {each.scene for each in prompts}
    assert not any("club" in each.caption for each in lesson.old_prompts())


def test_the_loss_of_old_prompts_is_paired():
    config = composed(["+exp=new_glyph"]).config
    before, after = np.array([1.0] * 90 + [0.0] * 10), np.array([1.0] * 88 + [0.0] * 12)
    told = _measured(config, "club", [before, after], [before, after])
    lost = told[-1]
    assert lost.value == pytest.approx(0.02)
    assert lost.low >= 0  # of two different prompts, not of two independent shares
    assert lost.high < 0.06


def test_lessons_that_cannot_be_given_are_refused():
    config = composed(["+exp=new_glyph"]).config
    for change, said in (
        ({"glyph": "sun"}, "one of data.glyphs already"),
        ({"color": "mauve"}, r"lesson\.color=mauve is not in this world; give one of red"),
        ({"num_prompts": 0}, r"lesson\.num_prompts=0"),
        ({"prior_share": 1.0}, r"lesson\.prior_share=1\.0"),
    ):
        with pytest.raises(UserError, match=said):
            check(replace(config, lesson=replace(config.lesson, **change)))
