"""What the U-ViT has to compute: in every step, and once for all steps of a picture.

Independent of how it is computed here: from the settings alone (report, section 3).
"""

from src.speed.work import Work, attention, linear, together
from src.transformer.config import TransformerConfig

KINDS = ("ends", "convolutions", "text attention", "self-attention", "feed-forward", "logits")


def step_work(
    config: TransformerConfig,
    rows: int,
    grid: tuple[int, int],
    words: int,
    num_asked: int,
    num_kinds: int | None = None,
) -> dict[str, Work]:
    """One pass, by `KINDS`; what `told_work` counts is not counted again.

    rows: pictures, twice as many under guidance. words: of a prompt. num_asked: positions of all
    rows whose logits are needed. num_kinds: of a picture's cells, how many the transformer has to
    tell apart; None = all.
    """
    tokens = rows * grid[0] * grid[1]
    inner = tokens // 4 if config.downsample else tokens
    each = inner // rows  # cells of a picture
    kinds = each if num_kinds is None else num_kinds
    channels, dim = config.block_out_channels, config.hidden_size
    num_layers, num_blocks = config.num_hidden_layers, 2 * config.num_res_blocks

    def asks(width: int, cells: int) -> Work:
        """An attention of a picture's cells to the text, whose keys and values are there."""
        both = linear(rows * cells, width, width).times(2)
        return both.and_then(attention(rows, cells, words, width))

    window = Work(2 * 9 * inner * channels, 9 * channels, 2 * inner * channels)
    block = together(
        [window, linear(inner, channels, 4 * channels), linear(inner, 4 * channels, channels)]
    )
    resampled = linear(inner, 4 * channels, channels).times(2 if config.downsample else 0)
    told = rows * kinds  # apart
    own = linear(told, dim, dim).times(4).and_then(attention(rows, kinds, each, dim))
    inner_dim = config.intermediate_size
    fed = linear(told, dim, 2 * inner_dim).and_then(linear(told, inner_dim, dim))
    ends = [
        linear(tokens, config.in_channels, channels),
        linear(inner, channels, dim),
        linear(inner, dim, channels),
    ]
    last = [
        linear(num_asked, channels, config.in_channels),
        linear(num_asked, config.in_channels, config.codebook_size),
    ]
    works = (
        together(ends),
        block.times(num_blocks).and_then(resampled),
        asks(dim, kinds).times(num_layers).and_then(asks(channels, each).times(2 * num_blocks)),
        own.times(num_layers),
        fed.times(num_layers),
        together(last),
    )
    return dict(zip(KINDS, works, strict=True))


def told_work(config: TransformerConfig, rows: int, words: int) -> Work:
    """What does not depend on the tokens: projected texts, their keys and values, modulations.

    rows: texts and micro-conditions that differ.
    """
    channels, dim = config.block_out_channels, config.hidden_size
    num_layers, num_blocks = config.num_hidden_layers, 2 * config.num_res_blocks
    told = config.cond_embed_dim + config.micro_cond_embed_dim
    in_blocks = linear(rows * words, channels, channels).times(4)
    if channels != dim:
        in_blocks = in_blocks.and_then(linear(rows * words, dim, channels))
    return together(
        [
            linear(rows * words, config.encoder_hidden_size, dim),
            linear(rows, told, dim),
            linear(rows, dim, dim),
            linear(rows * words, dim, dim).times(2 * num_layers),
            linear(rows, dim, 2 * dim).times(3 * num_layers),
            in_blocks.times(num_blocks),
            linear(rows, dim, 2 * channels).times(num_blocks),
        ]
    )
