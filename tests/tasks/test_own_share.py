"""Shares that are taken at the same time belong to one way of dealing."""

import pytest

from src.errors import UserError
from src.evaluation.protocol_config import ShardConfig
from src.tasks.own_share import own_share


def test_all_shares_of_one_dealing_are_taken_at_once(tmp_path):
    with own_share(tmp_path, ShardConfig(0, 3)), own_share(tmp_path, ShardConfig(2, 3)):
        assert (tmp_path / "2_of_3").is_dir()


@pytest.mark.parametrize("other", [ShardConfig(), ShardConfig(1, 2), ShardConfig(3, 5)])
def test_another_dealing_is_refused_while_a_share_is_taken(tmp_path, other):
    with (
        own_share(tmp_path, ShardConfig(1, 3)),
        pytest.raises(UserError, match=rf"shard\.count={other.count}, and .* its share of 3 in"),
        own_share(tmp_path, other),
    ):
        pass
    with own_share(tmp_path, other):
        assert (tmp_path / f"{other.index}_of_{other.count}").is_dir()


def test_only_the_first_of_those_at_work_begins(tmp_path):
    begun = []

    def taken(index: int):
        return own_share(tmp_path, ShardConfig(index, 3), lambda: begun.append(index))

    with taken(1):
        with taken(0), taken(2):
            pass
        assert begun == [1]
    with taken(2):
        assert begun == [1, 2], "nobody is at work any more"


def test_a_share_is_taken_once(tmp_path):
    with (
        own_share(tmp_path, ShardConfig(1, 3)),
        pytest.raises(UserError, match=r"Another process is at work in .*1_of_3"),
        own_share(tmp_path, ShardConfig(1, 3)),
    ):
        pass
