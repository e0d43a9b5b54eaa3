"""A view says what it shows and writes, or does not start."""

from __future__ import annotations

import pytest
from wtforms import StringField

from core.admin.access import ViewDeclarationError, ViewPermissions
from core.admin.actions import bulk_action
from core.admin.ajax import Reference
from core.admin.filters import ChoiceFilter, LinkFilter, ReferenceFilter, TextFilter
from core.admin.masking import mask_all
from core.admin.searching import SearchDeclaration
from core.admin.views import RecordView
from core.customers.models import Customer, CustomerProject
from core.database.search_index import SearchIndex
from core.projects.models import Building, Project, Unit

INDEX = SearchIndex("customer", ("name", "phone"))
GOOD = {
    "permissions": ViewPermissions("customers.view", edit="customers.edit", export="customers.export"),
    "column_list": ("name", "phone"),
    "column_details_list": ("name", "phone"),
    "column_export_list": ("name",),
    "form_columns": ("name", "phone"),
    "personal_columns": {"phone": mask_all},
    "open_columns": frozenset({"name"}),
}


def make(model=Customer, **changes):
    attributes = {name: value for name, value in (GOOD | changes).items() if value is not ...}
    return type("Probe", (RecordView,), attributes)(model, endpoint="probe")


def test_the_complete_declaration_is_accepted():
    assert make().endpoint == "probe"


@pytest.mark.parametrize(
    "name", ["permissions", "column_list", "column_details_list", "column_export_list", "form_columns"]
)
def test_what_is_shown_and_written_must_be_named(name):
    with pytest.raises(ViewDeclarationError, match=name):
        make(**{name: ...})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"column_list": ("absent",)}, "absent"),
        ({"column_list": ("contacts.value",)}, "reference to one record"),
        ({"column_export_list": ("project_links",)}, "project_links"),
        ({"form_columns": ("absent",)}, "absent"),
        ({"form_columns": ("contacts",)}, "contacts"),
        ({"form_columns": ("merged_into_id",)}, "foreign key"),
        ({"personal_columns": {}}, "phone hold personal data"),
        ({"open_columns": frozenset()}, "name hold personal data"),
        ({"column_details_list": ("name", "email")}, "email hold personal data"),
        ({"sortable": ("email",)}, "not the first column of an index"),
        ({"sortable": ("note",)}, "not the first column of an index"),
        ({"sortable": ("phone",)}, "tells its values"),
        ({"default_sort": ("phone", False)}, "tells its values"),
        ({"default_sort": ("phone", False), "sortable": {"phone": "personal.view"}}, "by default"),
        ({"default_sort": ("note", False)}, "not the first column of an index"),
        ({"search": SearchDeclaration(index=INDEX)}, "searching the masked column 'phone'"),
        ({"search": SearchDeclaration(columns=("phone",), small_table=True)}, "searching the masked column"),
        ({"search": SearchDeclaration(columns=("absent",), small_table=True)}, "absent"),
        ({"filters": (TextFilter("phone"),)}, "filtering by the masked column"),
        ({"filters": (TextFilter("absent"),)}, "absent"),
        ({"filters": (ChoiceFilter("kind"),)}, "needs its values"),
        ({"filters": (ReferenceFilter("merged_into_id"),)}, "needs a reference"),
        ({"filters": (LinkFilter("project", link=CustomerProject),)}, "link filter"),
        ({"actions_declared": {"absent": "customers.edit"}}, "absent"),
        ({"status_columns": {"kind": {"person": ("loud", "x")}}}, "tones"),
        ({"cells": {"phone": lambda row: row.phone}}, "unmasked"),
    ],
)
def test_faulty_declarations_are_refused(changes, words):
    with pytest.raises(ViewDeclarationError, match=words):
        make(**changes)


def test_personal_columns_of_references_count_too():
    unit_columns = ("code", "project.name")
    assert make(
        Unit,
        column_list=unit_columns,
        column_details_list=unit_columns,
        column_export_list=("code",),
        form_columns=("code",),
        personal_columns={},
        open_columns=frozenset(),
    )
    from core.customers.models import CustomerUnit

    columns = {
        "column_list": ("role", "customer.phone"),
        "column_details_list": ("role",),
        "column_export_list": ("role",),
        "form_columns": ("contract_number",),
        "open_columns": frozenset(),
    }
    with pytest.raises(ViewDeclarationError, match=r"customer\.phone hold personal data"):
        make(CustomerUnit, **columns | {"personal_columns": {}})
    assert make(CustomerUnit, **columns | {"personal_columns": {"customer.phone": mask_all}})


def test_an_action_without_a_permission_is_refused():
    class Probe(RecordView):
        @bulk_action("archive", "Archive")
        def archive(self, records):
            return ""

    for name, value in GOOD.items():
        setattr(Probe, name, value)
    with pytest.raises(ViewDeclarationError, match="'archive' has no permission"):
        Probe(Customer, endpoint="probe")
    Probe.actions_declared = {"archive": "customers.edit"}
    assert set(Probe(Customer, endpoint="probe").bulk_actions) == {"archive"}


def test_deletion_of_several_rows_is_offered_only_when_it_is_named():
    assert make().bulk_actions == {}
    assert set(make(actions_declared={"delete": "customers.delete"}).bulk_actions) == {"delete"}


def test_own_fields_and_references_complete_the_form():
    view = make(
        form_columns=("name", "phone", "merged_into_id", "extra"),
        form_fields={"extra": StringField("Extra")},
        references={"merged_into_id": Reference(Customer, text=str)},
    )
    assert view._forms


def test_a_search_without_an_index_says_that_the_table_is_small():
    with pytest.raises(ValueError, match="whole table"):
        SearchDeclaration(columns=("name",))
    with pytest.raises(ValueError, match="either an index"):
        SearchDeclaration()


def test_models_need_one_key():
    with pytest.raises(ViewDeclarationError, match="one key"):
        make(
            CustomerProject,
            column_list=("source",),
            column_details_list=("source",),
            column_export_list=("source",),
            form_columns=("source",),
        )


def test_relationships_to_one_record_are_named_by_their_key():
    with pytest.raises(ViewDeclarationError, match="foreign key"):
        make(
            Building,
            column_list=("code",),
            column_details_list=("code",),
            column_export_list=("code",),
            form_columns=("project",),
            references={"project": Reference(Project, text=str)},
        )
