"""The canonical form of what is signed, and the places in which two contents differ."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.machinery.signatures.services import canonical, content_hash, differences

pytestmark = pytest.mark.no_database

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=6,
)


def test_a_worked_example():
    content = {"房号": "3-1-1502", "a": [True, None, 3]}
    assert canonical(content) == '{"a":[true,null,3],"房号":"3-1-1502"}'
    assert content_hash(content) == hashlib.sha256(canonical(content).encode()).hexdigest()


@pytest.mark.parametrize("wrong", [{"area": 1.5}, {1: "x"}, {"x": b"y"}, {"x": {"y": {1, 2}}}])
def test_numbers_and_times_have_to_be_written_as_texts(wrong):
    with pytest.raises(TypeError):
        canonical(wrong)


@given(PLAIN, PLAIN)
def test_contents_differ_somewhere_exactly_when_their_hashes_differ(before, after):
    assert bool(differences(before, after)) == (content_hash(before) != content_hash(after))


@given(PLAIN)
def test_nothing_differs_from_itself(content):
    assert differences(content, content) == []
