"""aMUSEd assembled: prompts in, pictures out, its parts open to whoever wants to look inside.

Dimensions: batch (pictures); height and width of the token grid, except where pixels are named.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Generator, Tensor, nn

from src.checkpoint.fingerprint import weights_hash
from src.checkpoint.fit import fit
from src.checkpoint.folder import CheckpointFolder
from src.checkpoint.locate import locate
from src.checkpoint.write import new_checkpoint, write_index, write_settings, write_tensors
from src.conditioning import clip
from src.conditioning.micro import micro_cond_rows
from src.conditioning.prompts import (
    Prompts,
    checked_prompts,
    negative_rows,
    picture_order,
    prompt_rows,
)
from src.conditioning.text import Text, TextEncoder
from src.conditioning.tokenizer_folder import load_text_tokenizer, save_text_tokenizer
from src.data.micro_cond import MicroCond
from src.errors import UserError
