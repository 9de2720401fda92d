"""TOML written by hand: every key knows its line, and nothing is ignored."""

from collections.abc import Mapping
from typing import Any, Literal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormio.errors import ContractError, OptionError
from wormio.registry.toml import read_toml, structured
from wormio.registry.toml_lines import lines_of

TEXT = """\
# a comment with ] and = and "
title = "x # no comment"
[a.b]   # more
c.d = [1,
  2, # ]
  {x = 1, "y z" = [3]},
]
text = \"\"\"
] = [
\\\"\"\"\"
raw = '''x'\\'''
"q\\u0022" = 1 # the key is q"
[[ev]]
n = 1

[[ev]]
n = 2
[ev.deep.er]
k = 1979-05-27T07:32:00Z
[[ev.inner]]
"""


@attrs.frozen
class Leaf:
    n: int
    kind: Literal["on", "off"] = "on"


@attrs.frozen(kw_only=True)
class Tree:
    title: str
    size: float | None = None
    pair: tuple[int, int] = (0, 0)
    many: tuple[float, ...] = ()
    flag: bool = False
    leaf: Leaf | str | None = None
    leaves: tuple[Leaf, ...] = ()
    named: Mapping[str, Leaf] = attrs.field(factory=dict)
    anything: Any = None
    class_: str = attrs.field(default="", metadata={"key": "class"})

    def __attrs_post_init__(self):
        if self.size == 13:
            raise ContractError("unlucky", expected="another number")
        if self.size == 14:
            raise ValueError("worse")


def read(tmp_path, text):
    path = tmp_path / "hand.toml"
    path.write_bytes(text.encode())
    return read_toml(path)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_key_table_and_element_knows_its_line(tmp_path, newline):
    document = read(tmp_path, TEXT.replace("\n", newline))
    expected = {
        ("title",): 2,
        ("a",): 3,
        ("a", "b"): 3,
        ("a", "b", "c"): 4,
        ("a", "b", "c", "d"): 4,
        ("a", "b", "c", "d", 0): 4,
        ("a", "b", "c", "d", 1): 5,
        ("a", "b", "c", "d", 2): 6,
        ("a", "b", "c", "d", 2, "x"): 6,
        ("a", "b", "c", "d", 2, "y z"): 6,
        ("a", "b", "c", "d", 2, "y z", 0): 6,
        ("a", "b", "text"): 8,
        ("a", "b", "raw"): 11,
        ("a", "b", 'q"'): 12,
        ("ev",): 13,
        ("ev", 0): 13,
        ("ev", 0, "n"): 14,
        ("ev", 1): 16,
        ("ev", 1, "n"): 17,
        ("ev", 1, "deep"): 18,
        ("ev", 1, "deep", "er"): 18,
        ("ev", 1, "deep", "er", "k"): 19,
        ("ev", 1, "inner"): 20,
        ("ev", 1, "inner", 0): 20,
    }
    assert document.lines == expected
    for keys in expected:
        document.get(keys)  # each leads to a value
    assert document.line_of(("a", "b", "nothing")) == 3
    assert document.line_of(()) == 1


words = st.text("ab\"'#=[]{}.,\\ é", min_size=1, max_size=5)
scalars = st.one_of(st.integers(-5, 5), st.booleans(), words)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def written(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"'''{value}'''" if "'" not in value else quoted(value)
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(k)} = {written(v)}" for k, v in value.items()) + "}"
    return str(value)


def ways(value, way=()):
    yield way
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from ways(inner, (*way, key))


@given(
    tables=st.dictionaries(words, st.dictionaries(words, values, max_size=4), max_size=4),
    gap=st.integers(1, 3),
)
def test_the_lines_of_any_document_are_those_it_was_written_on(tables, gap):
    lines, expected = [], {}
    for name, table in tables.items():
        lines += ["# ] [ = \" '"] * gap + [f"[{quoted(name)}]"]
        expected[name,] = len(lines)
        for key, value in table.items():
            lines.append(f"{quoted(key)} = {written(value)} # '")
            expected |= dict.fromkeys(ways(value, (name, key)), len(lines))
    assert lines_of("\n".join(lines)) == expected


def test_a_table_becomes_a_class(tmp_path):
    text = """
    title = "t"
    size = 3
    pair = [1, 2]
    many = [1, 2.5]
    flag = true
    leaf = "short"
    anything = {a = [1]}
    class = "c"
    [[leaves]]
    n = 1
    [named."a b"]
    n = 2
    kind = "off"
    """
    tree = structured(Tree, read(tmp_path, text))
    assert tree == Tree(
        title="t",
        size=3.0,
        pair=(1, 2),
        many=(1.0, 2.5),
        flag=True,
        leaf="short",
        leaves=(Leaf(1),),
        named={"a b": Leaf(2, "off")},
        anything={"a": [1]},
        class_="c",
    )
    assert isinstance(tree.size, float)
    assert structured(Leaf, read(tmp_path, text), ("named", "a b")) == Leaf(2, "off")


@pytest.mark.parametrize(
    ("text", "line", "parts"),
    [
        ('\ntitel = "t"', 2, ["titel: unknown key", "did you mean title?"]),
        ("size = 1", 1, ["the key 'title' is missing"]),
        ('title = "t"\n\nsize = "3"', 3, ["size: wrong type", "a finite number", "'3'"]),
        ('title = "t"\nsize = nan', 2, ["size: wrong type", "finite"]),
        ('title = "t"\nsize = true', 2, ["size: wrong type"]),
        ("title = 3", 1, ["title: wrong type", "text"]),
        ('title = "t"\nflag = 1', 2, ["flag: wrong type", "true or false"]),
        ('title = "t"\npair = [1, 2, 3]', 2, ["pair: wrong type", "an array of 2"]),
        ('title = "t"\npair = [1,\n 2.5]', 3, ["pair[1]: wrong type", "a whole number"]),
        ('title = "t"\npair = [1, 99999999999999999999]', 2, ["pair[1]: wrong type"]),
        ('title = "t"\nmany = 1', 2, ["many: wrong type", "an array, each a finite number"]),
        ('title = "t"\nleaf = 1', 2, ["leaf: wrong type", "a table or text"]),
        ('title = "t"\n[leaf]\nm = 1', 3, ["leaf.m: unknown key", "n, kind"]),
        ('title = "t"\n[leaf]\nn = 1\nkind = "of"', 4, ["leaf.kind", "did you mean off?"]),
        ('title = "t"\n[named]\nx = 3', 3, ["named.x: wrong type", "a table"]),
        ('title = "t"\n[[leaves]]\nn = 1\n[[leaves]]', 4, ["leaves[1]: the key 'n' is missing"]),
        ('title = "t"\nsize = 13', 1, ["unlucky", "another number"]),
        ('title = "t"\nsize = 14', 1, ["worse"]),
    ],
)
def test_what_does_not_fit_is_told_with_line_and_key(tmp_path, text, line, parts):
    document = read(tmp_path, text)
    with pytest.raises(OptionError) as caught:
        structured(Tree, document)
    assert caught.value.path == str(document.path)
    assert f"line {line}: " in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        (b"a = 1\nb = \nc = 3", "line 2"),
        (b"a = \xff", "utf-8"),
        (b"a = " + b"[" * 100_000, "this is no TOML"),
        (b"#" * (5 * 2**20), "too large"),
    ],
)
def test_what_is_no_toml_is_refused_with_its_path(tmp_path, raw, part):
    path = tmp_path / "hand.toml"
    path.write_bytes(raw)
    with pytest.raises(OptionError, match=part) as caught:
        read_toml(path)
    assert caught.value.path == str(path)


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_toml(tmp_path / "nothing.toml")
