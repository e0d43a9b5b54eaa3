"""The same columns as the other products, with an index on every column that is sorted or filtered by."""

from __future__ import annotations

from django.db import models

from bench.peers.django_site.customers.models import Project


class Unit(models.Model):
    """A house."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT)
    code = models.CharField(max_length=30, db_index=True)

    def __str__(self) -> str:
        return self.code


class Contractor(models.Model):
    """A contractor."""

    name = models.CharField(max_length=60, unique=True)

    def __str__(self) -> str:
        return self.name


class Slot(models.Model):
    """A time that can be booked; its resource and purpose are plain text, which is the faster way."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT)
    starts_at = models.DateTimeField(db_index=True)
    resource = models.CharField(max_length=60)
    purpose = models.CharField(max_length=60)

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d %H:%M} {self.resource}"


class _OfHouse(models.Model):
    number = models.CharField(max_length=40, unique=True)
    project = models.ForeignKey(Project, on_delete=models.PROTECT)
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT)

    class Meta:
        """Newest first."""

        abstract = True
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.number


class _Repaired(_OfHouse):
    room = models.CharField(max_length=60)
    description = models.TextField()
    contractor = models.ForeignKey(Contractor, on_delete=models.PROTECT)

    class Meta(_OfHouse.Meta):
        """Newest first."""

        abstract = True


class Defect(_Repaired):
    """A defect of a house."""

    state = models.CharField(
        max_length=20,
        choices=[
            (state, state)
            for state in ("open", "assigned", "in_progress", "fixed", "rejected", "closed", "waived")
        ],
        db_index=True,
    )
    severity = models.CharField(max_length=2, db_index=True)
    promised_by = models.DateTimeField(db_index=True)


class Inspection(_OfHouse):
    """A round of inspecting a house."""

    state = models.CharField(
        max_length=20,
        choices=[(state, state) for state in ("planned", "in_progress", "finished", "cancelled")],
        db_index=True,
    )
    kind = models.CharField(max_length=16)
    round_number = models.IntegerField()
    planned_on = models.DateField(db_index=True)
    inspector = models.CharField(max_length=60)
    passed = models.BooleanField(null=True)


class Order(_Repaired):
    """A repair order."""

    state = models.CharField(
        max_length=20,
        choices=[
            (state, state)
            for state in (
                "reported", "triaged", "dispatched", "contacted", "repairing", "self_checked", "closed",
                "called_back", "not_warranty",
            )
        ],
        db_index=True,
    )  # fmt: skip
    priority = models.CharField(max_length=2, db_index=True)
    cover = models.CharField(max_length=12)
    reported_at = models.DateTimeField(db_index=True)
    due_at = models.DateTimeField(db_index=True)


class Booking(_OfHouse):
    """Somebody who comes at a slot."""

    state = models.CharField(
        max_length=20,
        choices=[(state, state) for state in ("requested", "confirmed", "done", "no_show", "cancelled")],
        db_index=True,
    )
    slot = models.ForeignKey(Slot, on_delete=models.PROTECT)
    contact_name = models.CharField(max_length=80)
    guests = models.IntegerField()
    read_back_at = models.DateTimeField(null=True)
