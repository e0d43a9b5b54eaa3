"""The list, form and export of customers."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse

from bench.dataset import PAGE_SIZE
from bench.peers.django_site.customers.models import Customer, StaffProject

EXPORT_COLUMNS = ("id", "name", "phone", "kind", "stage", "company", "project", "created_at")


class _Echo:
    """A file that gives back what is written, as Django's how-to on large CSV files has it."""

    def write(self, value: str) -> str:
        return value


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    """Customers, of the user's own projects unless a superuser."""

    list_display = ("id", "name", "phone", "kind", "stage", "company", "project", "created_at")
    search_fields = ("name", "phone")
    list_filter = ("project", "company", "stage")
    list_per_page = PAGE_SIZE
    actions = ("export_csv",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        """Narrows the rows by hand."""
        queryset = super().get_queryset(request)
        if request.user.is_superuser:
            return queryset
        projects = list(StaffProject.objects.filter(user=request.user).values_list("project_id", flat=True))
        return queryset.filter(project_id__in=projects)

    @admin.action(description="Export as CSV")
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Customer]) -> StreamingHttpResponse:
        """Streams the chosen rows."""
        writer = csv.writer(_Echo())

        def lines() -> Iterator[Any]:
            yield writer.writerow(EXPORT_COLUMNS)
            for customer in queryset.select_related("project").iterator():
                yield writer.writerow([getattr(customer, column) for column in EXPORT_COLUMNS])

        return StreamingHttpResponse(
            lines(),
            content_type="text/csv",
            headers={"Content-Disposition": 'attachment; filename="customers.csv"'},
        )
