"""HTML is made by templates: no module under pages/ has a string with a tag or an entity."""

import ast
import re
from pathlib import Path

import pytest
from compression_leaderboard import pages
from compression_leaderboard.pages.reference import FILES
from compression_leaderboard.pages.rendering import INVISIBLE

from tests import ROOT

FOLDER = Path(pages.__file__).parent
MARKUP = re.compile(r"</?[a-z][a-z0-9]*[\s/>]|</?[a-z][a-z0-9]*$|<!--|&#?\w+;")
# The separator of names that may break, and places of files, whose names are up to the reader.
ALLOWED = {"rendering": {"/<wbr>"}, "reference": {file for file, _ in FILES}}


def docstrings(tree: ast.Module) -> set[ast.AST]:
    """Docstrings may name tags."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = (node for node in ast.walk(tree) if isinstance(node, kinds))
    return {node.body[0].value for node in nodes if isinstance(node.body[0], ast.Expr)}


def markup_in(source: str) -> list[str]:
    """The string constants of a module that have a tag or an entity."""
    tree = ast.parse(source)
    ignored = docstrings(tree)
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if node not in ignored and MARKUP.search(node.value)
    ]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_no_module_of_pages_writes_html(path):
    strings = set(markup_in(path.read_text("utf-8"))) - ALLOWED.get(path.stem, set())
    assert strings == set()


@pytest.mark.parametrize(
    "source",
    ["x = '<b>'", "x = f'<td class={y}>'", "x = '</' + 'li>' + '</p>'", "x = '<a'", "x = '&#37;'"],
)
def test_html_in_a_string_is_noticed(source):
    assert markup_in(source)


@pytest.mark.parametrize("source", ['"""A <b> tag."""', "x = 'a < b'", "x = 'R&D'"])
def test_what_is_no_html_is_not(source):
    assert markup_in(source) == []


def test_the_scripts_spell_out_what_pages_do():
    """Both list the characters, since neither can read the other's list."""
    script = (ROOT / "site/docs/assets/format.js").read_text("utf-8")
    (listed,) = re.findall(r"replace\(/(\[\\0.*?\])/g", script)
    characters = list(map(chr, range(0x10000)))
    spelled = [character for character in characters if INVISIBLE.fullmatch(character)]
    assert [c for c in characters if re.fullmatch(listed, c)] == spelled
