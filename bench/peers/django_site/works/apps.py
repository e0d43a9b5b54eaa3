"""The application's registration."""

from django.apps import AppConfig


class WorksConfig(AppConfig):
    """Defects, inspections, orders and bookings; the label keeps table names short."""

    name = "bench.peers.django_site.works"
    label = "works"
