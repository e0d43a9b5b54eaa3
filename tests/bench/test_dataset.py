"""The rows of the benchmark: the same for every product, whatever their number."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.dataset import COMPANY_COUNT, PROJECT_COUNT, Dataset

pytestmark = pytest.mark.no_database


def test_a_small_set_is_the_beginning_of_a_large_one() -> None:
    small, large = Dataset(400), Dataset(20_000)
    assert list(small.customers()) == [large.customer(number) for number in range(1, 401)]


def test_every_project_has_equally_many_customers_and_no_phone_twice() -> None:
    dataset = Dataset(20_000)
    customers = list(dataset.customers())
    assert set(Counter(customer.project_id for customer in customers).values()) == {20_000 // PROJECT_COUNT}
    assert len({customer.phone for customer in customers}) == len(customers)
    assert {len(customer.phone) for customer in customers} == {11}
    assert {len(customer.name) for customer in customers} == {2, 3, 4}


def test_a_second_project_belongs_to_the_same_company() -> None:
    """So that a user of one company sees the same rows by a link table as by a foreign key."""
    dataset = Dataset(20_000)
    company_of = {project.id: project.company_id for project in dataset.projects}
    linked = [customer for customer in dataset.customers() if customer.second_project_id is not None]
    assert len(linked) > 1_500
    for customer in linked:
        assert customer.second_project_id is not None
        assert customer.second_project_id != customer.project_id
        assert company_of[customer.second_project_id] == company_of[customer.project_id]


def test_the_limited_user_sees_a_tenth_and_searches_for_what_is_there() -> None:
    dataset = Dataset(20_000)
    company = dataset.companies[dataset.limited_company_id]
    own = [customer for customer in dataset.customers() if customer.project_id in dataset.limited_project_ids]
    assert len(own) == dataset.visible_rows(limited=True) == 20_000 // COMPANY_COUNT
    assert {customer.company for customer in own} == {company}
    for fragment in dataset.phone_fragments(18, limited=True):
        assert any(fragment in customer.phone for customer in own)
    for name in dataset.short_names(18, limited=True):
        assert any(name in customer.name for customer in own)


@pytest.mark.parametrize("rows", [0, -200, 250])
def test_a_number_of_rows_that_does_not_divide_is_refused(rows: int) -> None:
    with pytest.raises(ValueError, match="multiple of 200"):
        Dataset(rows)


def test_a_customer_is_found_by_the_telephone_number() -> None:
    dataset = Dataset(20_000)
    for number in (1, 777, 20_000):
        assert dataset.with_phone(dataset.customer(number).phone).id == number
    with pytest.raises(LookupError):
        dataset.with_phone(Dataset(40_000).customer(30_000).phone)
