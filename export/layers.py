# SPDX-License-Identifier: GPL-3.0-or-later
"""What the networks share: attention, adaptive layer normalisation, camera embedding, perceptrons.

Tokens are two-dimensional, (batch * tokens, width), throughout: a linear layer is then one ``Gemm`` with the weight as
it lies in the checkpoint, (out, in). Of three-dimensional tokens the exporter makes a ``MatMul`` with a transposed
weight, and ONNX Runtime a second copy of it when it loads the graph.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


def attention(query: Tensor, key: Tensor, value: Tensor, heads: int, batch: int = 1) -> Tensor:
    """Multi-head scaled dot-product attention on projected tokens.

    Exported as ``com.microsoft::MultiHeadAttention``, which never holds the whole score matrix; the standard operators
    do (5.6 GB for 3,089 x 27,648 tokens and 16 heads).

    Args:
        query: (batch * n, heads * d).
        key: (batch * m, heads * d).
        value: likewise.
        heads: number of heads; the channels of one head lie together.
        batch: tokens of one member attend to tokens of the same member only.

    Returns:
        (batch * n, heads * d).
    """
    width = query.shape[-1]
    query, key, value = (tokens.reshape(batch, -1, width) for tokens in (query, key, value))
    if torch.compiler.is_exporting():
        mixed = torch.onnx.ops.symbolic(
            "com.microsoft::MultiHeadAttention",
            (query, key, value),
            attrs={"num_heads": heads},
            dtype=query.dtype,
            shape=query.shape,
            version=1,
        )
    else:
        split = (tokens.unflatten(-1, (heads, -1)).transpose(1, 2) for tokens in (query, key, value))
        mixed = functional.scaled_dot_product_attention(*split).transpose(1, 2)
    return mixed.reshape(-1, width)


class PackedAttention(nn.Module):
    """Attention with the parameter names of ``torch.nn.MultiheadAttention`` without biases.

    Like there, the three projections are one parameter where all widths are equal, in cross-attention too.

    Args:
        width: of the queries and the result.
        heads: number of heads.
        condition: width of the tokens that are attended to, where they are other tokens; None for self-attention.
    """

    def __init__(self, width: int, heads: int, condition: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.is_packed = condition in (None, width)
        if self.is_packed:
            self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        else:
            self.q_proj_weight = nn.Parameter(torch.empty(width, width))
            self.k_proj_weight = nn.Parameter(torch.empty(width, condition))
            self.v_proj_weight = nn.Parameter(torch.empty(width, condition))
        self.out_proj = nn.Linear(width, width, bias=False)

    def forward(self, tokens: Tensor, context: Tensor | None = None) -> Tensor:
        """(n, width), (m, condition) -> (n, width)."""
        if context is None:
            query, key, value = functional.linear(tokens, self.in_proj_weight).chunk(3, dim=-1)
        elif self.is_packed:
            # All three of both, which costs OpenLRM base a seventh more: parts of the weight would be copies of it.
            query = functional.linear(tokens, self.in_proj_weight).chunk(3, dim=-1)[0]
            _, key, value = functional.linear(context, self.in_proj_weight).chunk(3, dim=-1)
        else:
            query = functional.linear(tokens, self.q_proj_weight)
            key = functional.linear(context, self.k_proj_weight)
            value = functional.linear(context, self.v_proj_weight)
        return self.out_proj(attention(query, key, value, self.heads))


def modulate(tokens: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Shift and scale each batch member's tokens: (b * n, width), (b, width), (b, width) -> (b * n, width).

    Peebles and Xie, "Scalable diffusion models with transformers", 2023.
    """
    grouped = tokens.reshape(shift.shape[0], -1, tokens.shape[-1])
    return (grouped * (1 + scale.unsqueeze(1)) + shift.unsqueeze(1)).reshape(tokens.shape)


def gelu_perceptron(width: int, ratio: int = 4) -> nn.Sequential:
    """Linear, GELU, linear; the parameters are numbered 0 and 3 because the authors have dropouts between them."""
    return nn.Sequential(
        nn.Linear(width, ratio * width), nn.GELU(), nn.Identity(), nn.Linear(ratio * width, width), nn.Identity()
    )


def silu_embedding(inputs: int, width: int) -> nn.Sequential:
    """Linear, SiLU, linear: embeds a camera."""
    return nn.Sequential(nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width))


def perceptron(inputs: int, outputs: int, width: int, depth: int, activation: type[nn.Module]) -> nn.Sequential:
    """``depth`` linear layers with an activation between them."""
    widths = [inputs, *[width] * (depth - 1)]
    hidden = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), activation())]
    return nn.Sequential(*hidden, nn.Linear(widths[-1], outputs))
