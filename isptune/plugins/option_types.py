"""Types of options that several plugins take, with their bounds."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""Of a random generator; torch takes no more than 64 bits."""

Size = Annotated[int, Field(ge=1, le=8192)]
"""Of a part of a network: width, depth, tokens. Beyond it weights would not fit into any memory."""
