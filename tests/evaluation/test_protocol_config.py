"""What no measurement could be is refused in a sentence that names the key."""

import pytest

from src.errors import UserError
from src.evaluation.protocol_config import (
    PictureFoldersConfig,
    ProtocolConfig,
    ShardConfig,
    check_folders,
    check_protocol,
)


def test_the_authors_sweep_is_the_default():
    protocol = ProtocolConfig()
    assert protocol.guidance == [1.5, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20]
    assert protocol.captions_each == 2
    check_protocol(protocol, ShardConfig())
    check_protocol(protocol, ShardConfig(7, 8))


@pytest.mark.parametrize(
    ("changes", "shard", "said"),
    [
        ({"guidance": []}, {}, "protocol.guidance is empty"),
        ({"guidance": [3.0, -1.0]}, {}, r"protocol.guidance\[1\]=-1.0"),
        ({"guidance": [3.0, float("nan")]}, {}, r"protocol.guidance\[1\]=nan"),
        ({"guidance": [3.0, 2.0, 3.0]}, {}, "holds 3 twice"),
        ({"captions_each": 0}, {}, "protocol.captions_each=0"),
        ({"captions_seed": -1}, {}, "protocol.captions_seed=-1"),
        ({"first_picture_seed": 2**63}, {}, "protocol.first_picture_seed="),
        ({"pictures_per_pass": 0}, {}, "protocol.pictures_per_pass=0"),
        ({"prompts_file": ""}, {}, "protocol.prompts_file is empty"),
        ({"captions": "last"}, {}, "protocol.captions='last' is unknown"),
        ({"captions": "first", "prompts_file": "x"}, {}, "protocol.prompts_file are both given"),
        ({}, {"count": 0}, "shard.count=0"),
        ({}, {"index": 4, "count": 4}, "shard.index=4 .* from 0 to 3"),
        ({}, {"index": -1, "count": 4}, "shard.index=-1"),
    ],
)
def test_a_protocol_that_cannot_be_is_refused(changes, shard, said):
    with pytest.raises(UserError, match=said):
        check_protocol(ProtocolConfig(**changes), ShardConfig(**shard))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"folders": ["a"], "names": ["x", "y"]}, "2 entries for 1 folders; give one a folder"),
        ({"folders": ["a", "b"], "names": ["x", "x"]}, r"names\[1\]='x' is empty or a name given"),
        ({"folders": ["a", "b"], "names": ["x", " "]}, r"names\[1\]=' ' is empty"),
        ({"folders": ["a", "a"]}, r"folders\[1\]='a' is empty or a folder given before"),
        ({"folders": [""]}, r"folders\[0\]='' is empty"),
        ({"folders": ["a"], "size": 0}, "pictures.size=0"),
    ],
)
def test_folders_that_do_not_fit_their_names_are_refused(changes, said):
    with pytest.raises(UserError, match=said):
        check_folders(PictureFoldersConfig(**changes))
