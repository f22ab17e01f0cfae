"""aMUSEd made smaller: the published shape with fewer layers and narrower parts, random weights."""

from dataclasses import replace

HEAD = 64  # channels of an attention head, as published
TEXT = {
    "hidden_size": 64,
    "intermediate_size": 256,
    "num_attention_heads": 1,
    "num_hidden_layers": 2,
    "projection_dim": 64,
}


def reduced(dim: int, num_layers: int, seed: int, num_blocks: int = 1, decoder_part: int = 4):
    """An `Amused` of 256 pixels: the U-ViT `dim` wide, the decoder `decoder_part` times narrower.

    dim: 1024 is published; a multiple of 256.
    """
    from src.amused import Amused
    from src.image_tokenizer import config as image_tokenizer_config
    from src.transformer import config as transformer_config

    channels = dim * 3 // 4
    transformer = replace(
        transformer_config.preset("amused_256"),
        hidden_size=dim,
        num_hidden_layers=num_layers,
        num_attention_heads=dim // HEAD,
        intermediate_size=dim * 11 // 4,
        in_channels=channels,
        block_out_channels=channels,
        block_num_heads=channels // HEAD,
        num_res_blocks=num_blocks,
        encoder_hidden_size=TEXT["hidden_size"],
        cond_embed_dim=TEXT["projection_dim"],
    )
    tokenizer = image_tokenizer_config.preset("amused")
    widths = [width // decoder_part for width in tokenizer.block_out_channels]
    tokenizer = replace(tokenizer, block_out_channels=widths, norm_num_groups=32 // decoder_part)
    settings = {
        "transformer": transformer_config.to_published(transformer),
        "vqvae": image_tokenizer_config.to_published(tokenizer),
        "text_encoder": TEXT,
    }
    return Amused.from_config(settings, seed=seed)
