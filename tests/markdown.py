"""Read Markdown as GitHub does, with a parser of CommonMark that is not ours."""

from markdown_it import MarkdownIt
from markdown_it.token import Token

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def _inline(text: str) -> list[Token]:
    blocks = PARSER.parse(text)
    raw = [token for token in blocks if token.type == "html_block"]
    return raw + [child for token in blocks for child in token.children or ()]


def without_code(text: str) -> str:
    """The text outside of spans of code, and the addresses of links."""
    outside = [token for token in _inline(text) if token.type != "code_inline"]
    return "".join(f"{token.content}{token.attrGet('href') or ''}" for token in outside)


def code_of(text: str) -> list[str]:
    """The contents of the spans of code."""
    return [token.content for token in _inline(text) if token.type == "code_inline"]
