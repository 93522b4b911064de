"""The Markdown files of the repository: their links, code blocks, anchors and commands."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

__all__ = ["find_anchors", "find_blocks", "list_commands", "list_links", "read_pages"]

GENERATED = {"out", "build", "dist"}


def read_pages(root: Path) -> dict[str, str]:
    """Return path -> text of the repository's Markdown files; hidden folders, such as that of the environment, have none."""
    folders = [f for f in root.iterdir() if f.is_dir() and f.name not in GENERATED and not f.name.startswith(".")]
    files = [*root.glob("*.md"), *(file for folder in folders for file in folder.rglob("*.md"))]
    return {str(file.relative_to(root)): file.read_text() for file in sorted(files)}


def without_code(text: str) -> str:
    """Return a page without its code blocks and code spans."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def find_blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def find_anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def list_links(pages: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (page, target) of every link within the repository."""
    for page, text in pages.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", without_code(text)):
            if not re.match(r"https?://", target):
                yield page, target


def list_commands(pages: Mapping[str, str], first_words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield (page, command) of every command: in fenced bash blocks, and indented lines that begin like one."""
    for page, text in pages.items():
        fenced = [line for block in find_blocks(text, "bash") for line in block.replace("\\\n", " ").splitlines()]
        indented = re.findall(rf"^    ((?:{'|'.join(map(re.escape, first_words))}) .*)$", text, re.MULTILINE)
        for line in [*fenced, *indented]:
            if words := shlex.split(re.sub(r"(^|\s)#.*", "", line)):  # shlex would begin a comment inside a word
                yield page, shlex.join(words)
