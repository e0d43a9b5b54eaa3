"""The same columns as the other products, with an index on every column that is sorted or filtered by."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from bench.dataset import KINDS, STAGES, Dataset


class Project(models.Model):
    """A housing project."""

    name = models.CharField(max_length=60, unique=True)

    def __str__(self) -> str:
        return self.name


class StaffProject(models.Model):
    """A project that a user may see."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    project = models.ForeignKey(Project, on_delete=models.CASCADE)


class Customer(models.Model):
    """A customer."""

    name = models.CharField(max_length=60, db_index=True)
    phone = models.CharField(max_length=20, db_index=True)
    kind = models.CharField(max_length=10, choices=[(kind, kind) for kind in KINDS])
    stage = models.CharField(max_length=20, choices=[(stage, stage) for stage in STAGES], db_index=True)
    email = models.EmailField(max_length=120)
    company = models.CharField(
        max_length=40, choices=[(name, name) for name in Dataset(200).companies.values()], db_index=True
    )
    project = models.ForeignKey(Project, on_delete=models.PROTECT)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """Newest first."""

        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.name
