"""aMUSEd's U-ViT: from partly hidden token ids and a prompt to logits over the codebook.

Dimensions: batch, height and width of the token grid, seq = height * width, channels (of the
convolution stages), dim (of the transformer), words, codes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.nn.functional import silu

from src.errors import UserError
from src.transformer.blocks import Stage, TransformerLayer, sinusoidal
from src.transformer.config import TransformerConfig, check
from src.transformer.initialisation import Init, initialise
from src.transformer.kept import Kept, bare, stack_kept
from src.transformer.linear import Linear


class Condition(NamedTuple):
    """All that the U-ViT is told besides the tokens; the same for every step of one picture."""

    text: Float[Tensor, "batch words dim"] | Kept  # the prompt, word by word
    vector: Float[Tensor, "batch dim"] | Kept  # pooled prompt and micro-conditioning, activated

    def kept(self) -> "Condition":
        """The same, from which the layers compute once what no step changes."""
        return Condition(Kept(bare(self.text)), Kept(bare(self.vector)))


def stack_conditions(conditions: Sequence[Condition]) -> Condition:
    """Several kept ones as one batch."""
    return Condition(*(stack_kept(parts) for parts in zip(*conditions, strict=True)))


class UViT(nn.Module):
    """Convolution stages around a plain transformer, steered by the text throughout.

    Report (arXiv 2401.01808), section 3. This is the U-ViT of the "simple diffusion" lineage: its
    two stages change the grid and the width, and it has none of the long skip connections of Bao
    et al.'s model of the same name. Nor has it position embeddings, so it reads any grid size.
    """

    is_compiled = False  # set by who puts graphs in the place of a step: they know the maps of then

    def __init__(
        self, config: TransformerConfig, init: Init = "training", generator: Generator | None = None
    ):
        """Build and initialise the model; raises UserError for an impossible configuration."""
        super().__init__()
        check(config)
        self.config = config
        channels, dim = config.block_out_channels, config.hidden_size
        bias, eps, affine = config.use_bias, config.layer_norm_eps, config.ln_elementwise_affine

        self.text_in = Linear(config.encoder_hidden_size, dim, bias=bias)
        self.text_norm = nn.RMSNorm(dim, eps, affine)
        self.condition_in = Linear(
            config.cond_embed_dim + config.micro_cond_embed_dim, dim, bias=bias
        )
        self.condition_out = Linear(dim, dim, bias=bias)

        self.embedding = nn.Embedding(config.vocab_size, config.in_channels)
        self.embedding_norm = nn.RMSNorm(config.in_channels, eps, affine)
        self.embedding_out = Linear(config.in_channels, channels, bias=bias)

        self.down = Stage(config, resample="halve" if config.downsample else None)
        self.transformer_in_norm = nn.RMSNorm(channels, eps, affine)
        self.transformer_in = Linear(channels, dim, bias=bias)
        self.layers = nn.ModuleList(
            TransformerLayer(config) for _ in range(config.num_hidden_layers)
        )
        self.transformer_out_norm = nn.RMSNorm(dim, eps, affine)
        self.transformer_out = Linear(dim, channels, bias=bias)
        self.up = Stage(config, resample="double" if config.upsample else None)

        self.logits_in = Linear(channels, config.in_channels, bias=bias)
        self.logits_norm = nn.RMSNorm(config.in_channels, eps, affine)
        self.logits_out = Linear(config.in_channels, config.codebook_size, bias=bias)
        self.logits_out.always_packed = True  # of hidden tokens alone, its answer is the same
        self.reset_parameters(init, generator)

    @property
    def mask_token_id(self) -> int:
        """The id that stands for a hidden token: the last of the vocabulary."""
        return self.config.vocab_size - 1

    def refuse_compiled(self, what: str) -> None:
        """Raise UserError for a compiled step; what: begins the sentence, "... cannot be ..."."""
        if self.is_compiled:
            raise UserError(
                f"{what}, for its step is compiled and would know nothing of the maps that come: "
                "open the model again, and call compile() last"
            )

    def reset_parameters(self, init: Init = "training", generator: Generator | None = None) -> None:
        """Draw all parameters anew: "training" as published, "random" with every one perturbed.

        "training" begins with logits that are exactly zero; "random" with logits that have an
        opinion, for tests and demonstrations. See `initialisation`.
        """
        initialise(self, init, generator)

    def forward(
        self,
        token_ids: Int[Tensor, "batch height width"],
        text_states: Float[Tensor, "batch words text_dim"],
        pooled_text: Float[Tensor, "batch pooled_dim"],
        micro_cond: Float[Tensor, "batch 5"],
    ) -> Float[Tensor, "batch seq codes"]:
        """Logits over the codebook for every token, hidden or not, row by row.

        token_ids: 0 to codebook_size - 1, or mask_token_id where hidden. With downsampling both
        sides of the grid must be even (UserError).
        text_states, pooled_text: of the text encoder, not normalised; every word is attended to.
        micro_cond: the numbers of `MicroCond`, in its order and units.
        """
        return self.predict(token_ids, self.prepare(text_states, pooled_text, micro_cond))

    def prepare(
        self,
        text_states: Float[Tensor, "batch words text_dim"],
        pooled_text: Float[Tensor, "batch pooled_dim"],
        micro_cond: Float[Tensor, "batch 5"],
    ) -> Condition:
        """The part of `forward` that does not depend on the tokens: once per picture is enough."""
        waves = sinusoidal(micro_cond, self.config.micro_cond_encode_dim)
        return self.prepare_waves(text_states, pooled_text, waves)

    def prepare_waves(
        self,
        text_states: Float[Tensor, "batch words text_dim"],
        pooled_text: Float[Tensor, "batch pooled_dim"],
        waves: Float[Tensor, "batch waves"],
    ) -> Condition:
        """`prepare` from the numbers' sinusoidal codes, in which it has a gradient to follow."""
        text = self.text_norm(self.text_in(text_states))  # (batch, words, dim)
        vector = torch.cat([pooled_text, waves.to(pooled_text.dtype)], dim=1)
        vector = self.condition_out(silu(self.condition_in(vector)))  # (batch, dim)
        return Condition(text, silu(vector))  # every modulation begins with this same SiLU

    def predict(
        self, token_ids: Int[Tensor, "batch height width"], condition: Condition
    ) -> Float[Tensor, "batch seq codes"]:
        """Logits for token ids under a condition made by `prepare`; see `forward`."""
        return self.logits_out(self.before_logits(token_ids, condition)).flatten(1, 2)

    def before_logits(
        self, token_ids: Int[Tensor, "batch height width"], condition: Condition
    ) -> Float[Tensor, "batch height width in"]:
        """All of `predict` but its last map, which gives each token its logits by itself."""
        text, vector = condition
        if self.config.downsample and (token_ids.shape[1] % 2 or token_ids.shape[2] % 2):
            height, width = token_ids.shape[1:]
            raise UserError(
                f"A token grid of {height} x {width} cannot be halved and doubled again: "
                "with downsampling both sides must be even."
            )
        # fmt: off
        tokens = self.embedding_norm(self.embedding(token_ids))   # (batch, height, width, in)
        tokens = self.embedding_out(tokens)                       # (batch, height, width, channels)
        tokens = self.down(tokens, text, vector)
        grid = tokens.shape[1:3]
        states = self.transformer_in_norm(tokens).flatten(1, 2)   # (batch, seq, channels)
        states = self.transformer_in(states)                      # (batch, seq, dim)
        for layer in self.layers:
            states = layer(states, text, vector)
        states = self.transformer_out_norm(states)
        tokens = self.transformer_out(states).unflatten(1, grid)  # (batch, height, width, channels)
        tokens = self.up(tokens, text, vector)
        return self.logits_norm(self.logits_in(tokens))           # (batch, height, width, in)
        # fmt: on
