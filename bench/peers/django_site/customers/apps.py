"""The application's registration."""

from django.apps import AppConfig


class CustomersConfig(AppConfig):
    """Customers; the label keeps table names short."""

    name = "bench.peers.django_site.customers"
    label = "customers"
