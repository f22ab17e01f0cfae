"""What is measured on folders of pictures: the report's protocol, its shares, or any folder."""

from dataclasses import dataclass, field

from src.errors import UserError
from src.limits import between, check_seed, one_of, whole

GUIDANCE = (1.5, *(float(scale) for scale in range(2, 11)), 15.0, 20.0)  # the authors' sweep
CAPTIONS = ("drawn", "first")  # at random of each picture's own, or the first of them
LARGEST_SIDE = 8192  # pixels


@dataclass
class ProtocolConfig:
    """aMUSEd's own measurement on COCO's captions (report section 4.1)."""

    guidance: list[float] = field(default_factory=lambda: list(GUIDANCE))
    captions: str = "drawn"  # one of CAPTIONS; the published values were made with "first"
    captions_each: int = 2  # captions of every picture of COCO, one picture drawn of each
    captions_seed: int = 0  # which of its captions
    prompts_file: str | None = None  # the authors' own draw, known by its hash; None = drawn here
    first_picture_seed: int = 0  # picture i is drawn with this seed + i, at every guidance
    pictures_per_pass: int = 16  # through the model at once; another number, other last bits


@dataclass
class ShardConfig:
    """Which share of the pictures this process draws: every `count`-th pass through the model."""

    index: int = 0  # from 0 to count - 1
    count: int = 1  # processes, on one machine or several with a common folder


@dataclass
class PictureFoldersConfig:
    """Folders of pictures to be measured, whoever drew them."""

    folders: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)  # one a folder; empty = the folders' own
    reference: str | None = None  # a folder of real pictures; None = no distance is measured
    size: int | None = None  # pixels after resizing and cropping; None = the first picture's height


def check_protocol(protocol: ProtocolConfig, shard: ShardConfig) -> None:
    """Refuse what no measurement could be; raises UserError."""
    if not protocol.guidance:
        raise UserError("protocol.guidance is empty; give at least one number, as [3].")
    for place, guidance in enumerate(protocol.guidance):
        between(f"protocol.guidance[{place}]", guidance, 0, 1000)
        if guidance in protocol.guidance[:place]:
            raise UserError(f"protocol.guidance holds {guidance:g} twice; give each number once.")
    one_of("protocol.captions", protocol.captions, CAPTIONS)
    if protocol.captions == "first" and protocol.prompts_file is not None:
        raise UserError(
            "protocol.captions=first and protocol.prompts_file are both given, and the file says "
            "which captions: leave one of them out."
        )
    whole("protocol.captions_each", protocol.captions_each, 1, 1000)
    whole("protocol.pictures_per_pass", protocol.pictures_per_pass, 1, 1024)
    check_seed("protocol.captions_seed", protocol.captions_seed)
    check_seed("protocol.first_picture_seed", protocol.first_picture_seed)
    if protocol.prompts_file == "":
        raise UserError("protocol.prompts_file is empty; give a file, or leave it out.")
    whole("shard.count", shard.count, 1, 100_000)
    if not 0 <= shard.index < shard.count:
        raise UserError(
            f"shard.index={shard.index} is impossible with shard.count={shard.count}; give a whole "
            f"number from 0 to {shard.count - 1}."
        )


def check_folders(pictures: PictureFoldersConfig) -> None:
    """Refuse folders and names that do not fit each other; raises UserError."""
    names = pictures.names or [None] * len(pictures.folders)
    if len(names) != len(pictures.folders):
        raise UserError(
            f"pictures.names has {len(names)} entries for {len(pictures.folders)} folders; give "
            "one a folder, or leave pictures.names out."
        )
    for place, name in enumerate(pictures.names):
        if not name.strip() or name in pictures.names[:place]:
            raise UserError(
                f"pictures.names[{place}]={name!r} is empty or a name given before; give each "
                "folder another one."
            )
    for place, folder in enumerate(pictures.folders):
        if not folder.strip() or folder in pictures.folders[:place]:
            raise UserError(
                f"pictures.folders[{place}]={folder!r} is empty or a folder given before; give "
                "each once."
            )
    if pictures.size is not None:
        whole("pictures.size", pictures.size, 1, LARGEST_SIDE)
