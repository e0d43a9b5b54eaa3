"""The resolver: examples, and properties that hold for any manifests."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.plugin_system.declarations import Manifest
from core.plugin_system.resolver import Resolution, resolve

pytestmark = pytest.mark.no_database

SLUGS = list(string.ascii_lowercase[:8])


def plugin(slug: str, depends: tuple[str, ...] = (), uses: tuple[str, ...] = (), api: int = 1) -> Manifest:
    return Manifest(slug, slug.upper(), "1.0", api, depends=depends, uses=uses)


def resolved(*manifests: Manifest, quarantined: tuple[str, ...] = ()) -> Resolution:
    return resolve({manifest.slug: manifest for manifest in manifests}, quarantined)


def test_what_is_free_is_ordered_by_slug() -> None:
    assert resolved(plugin("c"), plugin("a"), plugin("b")).order == ("a", "b", "c")


def test_dependencies_come_first() -> None:
    assert resolved(plugin("a", ("c",)), plugin("b", ("a",)), plugin("c")).order == ("c", "a", "b")


def test_what_is_used_comes_first_and_may_be_missing() -> None:
    assert resolved(plugin("a", uses=("z", "b")), plugin("b")).order == ("b", "a")


def test_using_each_other_is_no_fault() -> None:
    assert resolved(plugin("a", uses=("b",)), plugin("b", uses=("a",))).order == ("b", "a")


def test_depending_on_each_other_is_one() -> None:
    outcome = resolved(plugin("a", ("b",)), plugin("b", ("a",)), plugin("c", ("b",)), plugin("d"))
    assert outcome.order == ("d",)
    assert str(outcome.rejected["a"]).startswith("It depends on itself: a → b → a.")
    assert str(outcome.rejected["b"]).startswith("It depends on itself: b → a → b.")
    assert str(outcome.rejected["c"]).startswith("It needs the plugin b, which is in quarantine.")


def test_both_cycles_through_one_plugin_are_told() -> None:
    outcome = resolved(plugin("a", ("b", "c")), plugin("b", ("a",)), plugin("c", ("a",)))
    assert outcome.order == ()
    assert "a → b → a" in str(outcome.rejected["a"])
    assert "c → a" in str(outcome.rejected["c"])


def test_missing_and_quarantined_dependencies_are_told_apart() -> None:
    outcome = resolved(plugin("a", ("x",)), plugin("b", ("y",)), quarantined=("y",))
    assert "which is not installed" in str(outcome.rejected["a"])
    assert "which is in quarantine" in str(outcome.rejected["b"])


def test_the_version_of_the_toolkit() -> None:
    outcome = resolved(plugin("a", api=0), plugin("b", api=2), plugin("c", ("a",)))
    assert "no longer supports" in str(outcome.rejected["a"])
    assert "Update Doorstep" in str(outcome.rejected["b"])
    assert outcome.order == ()


manifests = st.dictionaries(
    st.sampled_from(SLUGS),
    st.tuples(
        st.lists(st.sampled_from([*SLUGS, "absent"]), max_size=3, unique=True),
        st.lists(st.sampled_from([*SLUGS, "absent"]), max_size=3, unique=True),
        st.sampled_from([1, 1, 1, 1, 0, 2]),
    ),
).map(
    lambda plugins: {
        slug: plugin(slug, tuple(depends), tuple(uses), api) for slug, (depends, uses, api) in plugins.items()
    }
)


@given(manifests, st.sets(st.sampled_from(SLUGS), max_size=2))
def test_everything_is_placed_or_rejected_with_a_sentence(
    plugins: dict[str, Manifest], quarantined: set[str]
) -> None:
    quarantined = quarantined - plugins.keys()
    outcome = resolve(plugins, quarantined)
    assert sorted([*outcome.order, *outcome.rejected]) == sorted(plugins)
    for reason in outcome.rejected.values():
        assert str(reason).endswith(".")


@given(manifests)
def test_each_comes_after_what_it_needs(plugins: dict[str, Manifest]) -> None:
    order = resolve(plugins).order
    for slug in order:
        assert set(plugins[slug].depends) <= set(order[: order.index(slug)])


@given(manifests)
def test_nothing_is_rejected_without_need(plugins: dict[str, Manifest]) -> None:
    """A second, slower account of what can be loaded: take what has all it needs until nothing more can be taken."""
    loadable: set[str] = set()
    while True:
        more = {
            slug
            for slug, manifest in plugins.items()
            if manifest.api == 1 and slug not in loadable and loadable.issuperset(manifest.depends)
        }
        if not more:
            break
        loadable |= more
    assert set(resolve(plugins).order) == loadable


@given(manifests, st.randoms())
def test_the_order_of_discovery_does_not_matter(plugins: dict[str, Manifest], random: object) -> None:
    shuffled = list(plugins)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert resolve({slug: plugins[slug] for slug in shuffled}).order == resolve(plugins).order


@given(manifests)
def test_what_is_used_comes_first_unless_it_needs_the_user(plugins: dict[str, Manifest]) -> None:
    order = resolve(plugins).order
    acyclic = {slug: plugin(slug, plugins[slug].depends, ()) for slug in order}
    for slug in order:
        for other in plugins[slug].uses:
            alone = resolve(acyclic | {slug: plugin(slug, (*plugins[slug].depends, other))})
            only_wish = all(not plugins[each].uses for each in order if each != slug)
            if other in order and slug in alone.order and only_wish:
                assert order.index(other) < order.index(slug)
