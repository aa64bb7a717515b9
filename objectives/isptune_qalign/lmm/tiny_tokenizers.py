"""Chat templates and tokenizers of the tiny checkpoints: the families' own, with a few hundred tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from isptune_qalign.levels import WORDS

# What has a token of its own, with the space before it; everything else is spelt in bytes.
_VOCABULARY = (*WORDS, "The", "quality", "of", "the", "image", "is", "How", "would", "you", "rate", "this")

QWEN_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for item in message['content'] %}{% if item['type'] == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ item['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}"
    "{% endif %}"
)
INTERNVL_TEMPLATE = QWEN_TEMPLATE.replace("<|vision_start|><|image_pad|><|vision_end|>", "<IMG_CONTEXT>\n")
LLAVA_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] | upper }}: "
    "{% for item in message['content'] %}{% if item['type'] == 'image' %}<image>\n"
    "{% else %}{{ item['text'] }}{% endif %}{% endfor %} {% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
SMOLVLM_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}:"
    "{% for item in message['content'] %}{% if item['type'] == 'image' %}<image>"
    "{% else %}{{ item['text'] }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
GEMMA_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<start_of_turn>{{ message['role'] }}\n"
    "{% for item in message['content'] %}{% if item['type'] == 'image' %}<start_of_image>"
    "{% else %}{{ item['text'] }}{% endif %}{% endfor %}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


def byte_level(special: Sequence[str]) -> tuple[dict[str, int], Any]:
    """Vocabulary and merges of a byte-level BPE, as Qwen's and GPT-2's: a space is ``Ġ``."""
    return _grown([*_byte_letters(), *special], "Ġ")


def metaspace(special: Sequence[str]) -> tuple[dict[str, int], Any]:
    """Vocabulary and merges of a BPE with byte fallback, as LLaMA's and Gemma's: a space is ``▁``."""
    letters = [chr(code) for code in range(33, 127)]
    return _grown([*special, *(f"<0x{code:02X}>" for code in range(256)), "▁", *letters], "▁")


def _grown(tokens: list[str], space: str) -> tuple[dict[str, int], Any]:
    """Tokens and the words above, each merged from the left: no merge then comes in another one's way."""
    merges: dict[tuple[str, str], None] = {}
    known = dict.fromkeys(tokens)
    for word in _VOCABULARY:
        piece = space
        for letter in word:
            merges[(piece, letter)] = None
            piece += letter
            known[piece] = None
    return {token: index for index, token in enumerate(known)}, list(merges)


def _byte_letters() -> Iterator[str]:
    """The 256 characters by which GPT-2 writes bytes: the printable ones as they are, others from 256 on."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    moved = 256
    for code in range(256):
        if code in printable:
            yield chr(code)
        else:
            yield chr(moved)
            moved += 1


QWEN_SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)


def _added(names: Sequence[str]) -> list[Any]:
    from tokenizers import AddedToken

    return [AddedToken(name, special=True, normalized=False) for name in names]


def qwen(kind: str = "Qwen2Tokenizer") -> Any:
    """Qwen's tokenizer, which Qwen2.5-VL (``Qwen2Tokenizer``) and Qwen3.5 (``Qwen3_5Tokenizer``) have."""
    import transformers

    vocabulary, merges = byte_level(QWEN_SPECIAL)
    tokenizer = getattr(transformers, kind)(vocab=vocabulary, merges=merges, eos_token="<|im_end|>")
    tokenizer.add_tokens(_added(QWEN_SPECIAL))
    return tokenizer


def internvl() -> Any:
    """InternVL's: Qwen's with named tokens around the image."""
    from transformers import Qwen2Tokenizer

    named = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    special = (*QWEN_SPECIAL[:3], *named.values())
    vocabulary, merges = byte_level(special)
    tokenizer = Qwen2Tokenizer(
        vocab=vocabulary, merges=merges, eos_token="<|im_end|>", extra_special_tokens=named
    )
    tokenizer.add_tokens(_added(special))
    return tokenizer


def smolvlm() -> Any:
    """SmolVLM's: GPT-2's with tokens around the image and for the rows and columns of its tiles."""
    from transformers import GPT2Tokenizer

    tiles = [f"<row_{row}_col_{column}>" for row in range(1, 5) for column in range(1, 5)]
    named = {
        "image_token": "<image>",
        "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>",
        "end_of_utterance_token": "<end_of_utterance>",
    }
    special = ("<|endoftext|>", "<|im_start|>", *named.values(), *tiles)
    vocabulary, merges = byte_level(special)
    tokenizer = GPT2Tokenizer(
        vocab=vocabulary,
        merges=merges,
        bos_token="<|im_start|>",
        eos_token="<end_of_utterance>",
        pad_token="<|endoftext|>",
        extra_special_tokens=named,
    )
    tokenizer.add_tokens(_added(special))
    return tokenizer


def llama() -> Any:
    """LLaVA's: LLaMA's with an image token."""
    from transformers import LlamaTokenizer

    special = ("<unk>", "<s>", "</s>", "<pad>", "<image>")
    vocabulary, merges = metaspace(special)
    tokenizer = LlamaTokenizer(vocab=vocabulary, merges=merges, pad_token="<pad>", add_bos_token=True)
    tokenizer.add_tokens(_added(special))
    return tokenizer


def gemma() -> Any:
    """Gemma's, with its tokens around the image."""
    from transformers import GemmaTokenizer

    named = {
        "boi_token": "<start_of_image>",
        "eoi_token": "<end_of_image>",
        "image_token": "<image_soft_token>",
    }
    marks = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>")
    special = (*marks, *named.values())
    vocabulary, merges = metaspace(special)
    tokenizer = GemmaTokenizer(vocab=vocabulary, merges=merges, extra_special_tokens=named)
    tokenizer.add_tokens(_added(special))
    return tokenizer
