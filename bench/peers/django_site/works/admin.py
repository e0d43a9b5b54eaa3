"""The lists, each with as many columns as Doorstep shows."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from bench.dataset import PAGE_SIZE
from bench.peers.django_site.customers.models import StaffProject
from bench.peers.django_site.works.models import Booking, Defect, Inspection, Order


class NarrowedAdmin(admin.ModelAdmin):
    """Shows a limited user the rows of his own projects, narrowed by hand."""

    list_per_page = PAGE_SIZE
    search_fields: Any = ("number", "description")
    list_filter: Any = ("project", "state", "contractor")
    # The joins are named; without it Django follows every foreign key.
    list_select_related: Any = ("unit", "contractor")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Narrows the rows."""
        queryset = super().get_queryset(request)
        if request.user.is_superuser:
            return queryset
        projects = list(StaffProject.objects.filter(user=request.user).values_list("project_id", flat=True))
        return queryset.filter(project_id__in=projects)


@admin.register(Defect)
class DefectAdmin(NarrowedAdmin):
    """Defects."""

    list_display = (
        "number", "unit", "room", "description", "severity", "contractor", "state", "promised_by",
    )  # fmt: skip


@admin.register(Inspection)
class InspectionAdmin(NarrowedAdmin):
    """Inspections."""

    list_display = (
        "number", "unit", "kind", "round_number", "planned_on", "inspector", "state", "passed",
    )  # fmt: skip
    search_fields = ("number",)
    list_filter = ("project", "state")
    list_select_related = ("unit",)


@admin.register(Order)
class OrderAdmin(NarrowedAdmin):
    """Repair orders."""

    list_display = (
        "number", "unit", "room", "description", "priority", "cover", "contractor", "state", "reported_at",
        "due_at",
    )  # fmt: skip


@admin.register(Booking)
class BookingAdmin(NarrowedAdmin):
    """Bookings."""

    list_display = (
        "number", "slot", "purpose", "contact_name", "guests", "unit", "state", "read_back_at",
    )  # fmt: skip
    search_fields = ("number", "contact_name")
    list_filter = ("project", "state")
    list_select_related = ("unit", "slot")

    @admin.display(ordering="slot__purpose")
    def purpose(self, booking: Booking) -> str:
        """What the customer comes for."""
        return str(booking.slot.purpose)
