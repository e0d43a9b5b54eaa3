"""Inspections with their rooms and results; finished ones never change."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from core.toolkit import (
    ByProject,
    Customer,
    Identified,
    Project,
    Record,
    SearchIndex,
    SignedPart,
    Unit,
    User,
    big_id,
    parent_key,
    project_column,
)
from plugins.handover.models.base import Base, unit_key
from plugins.handover.models.batches import HandoverUnit
from plugins.handover.models.catalogue import Severity

if TYPE_CHECKING:
    from plugins.handover.models.defects import Defect


class Verdict(StrEnum):
    """The result of one item of the checklist."""

    PASS = "pass"  # noqa: S105 (a verdict)
    FAIL = "fail"
    NOT_APPLICABLE = "na"


class InspectionKind(StrEnum):
    """Why a house is inspected (domain reference 3.3.1)."""

    HOUSEHOLD = "household"
    TAKE_OVER = "take_over"
    MOCK = "mock"
    OPEN_DAY = "open_day"
    FORMAL = "formal"
    RE_INSPECTION = "re_inspection"
    VACANT = "vacant"


class InspectionState(StrEnum):
    """How far an inspection has come."""

    PLANNED = "planned"
    IN_PROGRESS = "in_progress"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class Opinion(StrEnum):
    """What the owner says at the end of a formal inspection (domain reference 3.3.7)."""

    ACCEPT = "accept"
    ACCEPT_AFTER_RECTIFICATION = "accept_after_rectification"
    REFUSE = "refuse"


class Inspection(Record, Base):
    """One round of inspecting a house 验房. Once finished it never changes; a later change is a supplement."""

    __tablename__ = "handover_inspection"
    __scope__ = ByProject()
    __signed__ = SignedPart(
        "handover.inspection",
        frozenset(
            {
                "number", "unit_id", "meter_water", "meter_electricity", "meter_gas", "meter_heat", "opinion",
                "opinion_note", "refusal_reason",
            }
        ),
    )  # fmt: skip
    __personal__ = frozenset({"attorney_name"})
    __table_args__: Any = (
        unit_key(),
        parent_key("handover_unit", "handover_unit_id"),
        sa.UniqueConstraint("project_id", "id"),
        sa.UniqueConstraint("unit_id", "kind", "round_number"),
        sa.Index("ix_handover_inspection_work", "inspector_id", "state", "planned_on"),
        sa.Index("ix_handover_inspection_project", "project_id", "kind", "state"),
        sa.Index("ix_handover_inspection_planned", "project_id", "planned_on"),
        sa.Index("ix_handover_inspection_state_in_project", "project_id", "state"),
        sa.Index("ix_handover_inspection_number", "project_id", "number"),
    )

    project_id: Mapped[int] = project_column()
    unit_id: Mapped[int] = mapped_column(big_id)
    handover_unit_id: Mapped[int | None] = mapped_column(big_id, index=True)
    number: Mapped[str] = mapped_column(sa.String(40), unique=True)
    """``YF-{project}-{yyyymm}-{0001}``."""
    kind: Mapped[InspectionKind] = mapped_column(sa.String(16))
    round_number: Mapped[int] = mapped_column(default=1)
    """Counted per house and kind, from 1."""
    state: Mapped[InspectionState] = mapped_column(
        sa.String(12), default=InspectionState.PLANNED, index=True, active_history=True
    )
    planned_on: Mapped[dt.date | None] = mapped_column(index=True)
    inspector_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))
    """For whom it is planned; once it is finished, who finished it."""
    planned_inspector_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("user_account.id", ondelete="SET NULL")
    )
    """For whom it was planned, when somebody else finished it."""
    companions: Mapped[str] = mapped_column(default="")
    """Who accompanies: butler, supervisor, contractor."""
    customer_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("customer.id", ondelete="SET NULL"), index=True
    )
    """The owner who was present."""
    attorney_name: Mapped[str] = mapped_column(sa.String(80), default="")
    template_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("handover_inspection_template.id", ondelete="SET NULL"), index=True
    )
    template_title: Mapped[str] = mapped_column(sa.String(160), default="")
    """Copied, so that the record says what was used even when the checklist is gone."""
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None] = mapped_column(index=True)
    weather: Mapped[str] = mapped_column(sa.String(40), default="")
    passed: Mapped[bool | None]
    """No defect S1–S3 was recorded in this round; set when it is finished."""
    meter_water: Mapped[str] = mapped_column(sa.String(20), default="")
    """Readings as they stand on the meter, in m³ or kWh."""
    meter_electricity: Mapped[str] = mapped_column(sa.String(20), default="")
    meter_gas: Mapped[str] = mapped_column(sa.String(20), default="")
    meter_heat: Mapped[str] = mapped_column(sa.String(20), default="")
    opinion: Mapped[Opinion | None] = mapped_column(sa.String(30))
    opinion_note: Mapped[str] = mapped_column(sa.Text, default="")
    refusal_reason: Mapped[str] = mapped_column(sa.String(4), default="")
    """R1 to R9 when the owner refuses (domain reference 3.3.6 rule 6)."""
    override_reason: Mapped[str] = mapped_column(sa.Text, default="")
    """Why a formal inspection was started in spite of open S1 or S2 defects."""
    overridden_by_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("user_account.id", ondelete="SET NULL")
    )
    cancel_reason: Mapped[str] = mapped_column(sa.Text, default="")
    content_hash: Mapped[str] = mapped_column(sa.String(64), default="")
    """SHA-256 over the finished record, see :func:`plugins.handover.services.content_hash`."""

    project: Mapped[Project] = relationship(
        Project, primaryjoin=lambda: foreign(Inspection.project_id) == Project.id, viewonly=True
    )
    unit: Mapped[Unit] = relationship(
        Unit, primaryjoin=lambda: foreign(Inspection.unit_id) == Unit.id, viewonly=True
    )
    handover_unit: Mapped[HandoverUnit | None] = relationship(
        primaryjoin=lambda: foreign(Inspection.handover_unit_id) == HandoverUnit.id, viewonly=True
    )
    inspector: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(Inspection.inspector_id) == User.id, viewonly=True
    )
    planned_inspector: Mapped[User | None] = relationship(
        User, primaryjoin=lambda: foreign(Inspection.planned_inspector_id) == User.id, viewonly=True
    )
    customer: Mapped[Customer | None] = relationship(
        Customer, primaryjoin=lambda: foreign(Inspection.customer_id) == Customer.id, viewonly=True
    )
    rooms: Mapped[list[InspectionRoom]] = relationship(
        back_populates="inspection", order_by="InspectionRoom.position", cascade="all, delete-orphan"
    )
    results: Mapped[list[InspectionResult]] = relationship(
        back_populates="inspection", order_by="InspectionResult.position", cascade="all, delete-orphan"
    )
    defects: Mapped[list[Defect]] = relationship(
        primaryjoin="Inspection.id == foreign(Defect.inspection_id)",
        order_by="Defect.id",
        viewonly=True,
    )

    @property
    def is_open(self) -> bool:
        """Whether results can be recorded."""
        return self.state == InspectionState.IN_PROGRESS


INSPECTION_SEARCH = SearchIndex("handover_inspection", ("number",), short_columns=())
"""Numbers by three characters and more."""
INSPECTION_SEARCH.attach(Inspection.__table__)


class InspectionRoom(Identified, Base):
    """A room of the inspected house, for example 主卫 of the kind BTH; copied from the checklist at the start."""

    __tablename__ = "handover_inspection_room"
    __scope__ = ByProject()
    __signed__ = SignedPart(
        "handover.inspection", frozenset({"inspection_id", "name"}), lambda room: room.inspection_id
    )
    __table_args__: Any = (
        parent_key("handover_inspection", "inspection_id", "CASCADE"),
        sa.UniqueConstraint("project_id", "id"),
        sa.UniqueConstraint("inspection_id", "position"),
    )

    project_id: Mapped[int] = project_column(index=True)
    inspection_id: Mapped[int] = mapped_column(big_id)
    kind: Mapped[str] = mapped_column(sa.String(10))
    name: Mapped[str] = mapped_column(sa.String(60))
    name_en: Mapped[str] = mapped_column(sa.String(80), default="")
    position: Mapped[int] = mapped_column(default=0)
    whole_house: Mapped[bool] = mapped_column(default=False)

    inspection: Mapped[Inspection] = relationship(back_populates="rooms")


class InspectionResult(Record, Base):
    """One item in one room. All texts are copied from the checklist, so that an old record never changes with it."""

    __tablename__ = "handover_inspection_result"
    __scope__ = ByProject()
    __signed__ = SignedPart(
        "handover.inspection",
        frozenset(
            {"inspection_id", "room_id", "item_code", "name", "standard", "verdict", "measured", "note"}
        ),
        lambda result: result.inspection_id,
        parts=True,
    )
    __table_args__: Any = (
        parent_key("handover_inspection", "inspection_id", "CASCADE"),
        parent_key("handover_inspection_room", "room_id", "CASCADE"),
        sa.UniqueConstraint("project_id", "id"),
        sa.UniqueConstraint("inspection_id", "room_id", "item_code"),
        sa.Index("ix_handover_inspection_result_room", "room_id", "position"),
    )

    project_id: Mapped[int] = project_column(index=True)
    inspection_id: Mapped[int] = mapped_column(big_id)
    room_id: Mapped[int] = mapped_column(big_id)
    position: Mapped[int] = mapped_column(default=0)
    item_code: Mapped[str] = mapped_column(sa.String(20))
    group_name: Mapped[str] = mapped_column(sa.String(60), default="")
    group_name_en: Mapped[str] = mapped_column(sa.String(80), default="")
    name: Mapped[str] = mapped_column(sa.String(120))
    name_en: Mapped[str] = mapped_column(sa.String(160), default="")
    standard: Mapped[str] = mapped_column(sa.Text, default="")
    standard_en: Mapped[str] = mapped_column(sa.Text, default="")
    method: Mapped[str] = mapped_column(sa.Text, default="")
    method_en: Mapped[str] = mapped_column(sa.Text, default="")
    severity: Mapped[Severity] = mapped_column(sa.String(2))
    warranty_category: Mapped[str] = mapped_column(sa.String(4), default="")
    trade_code: Mapped[str] = mapped_column(sa.String(30), default="")
    defect_code: Mapped[str] = mapped_column(sa.String(10), default="")
    measures: Mapped[Any] = mapped_column(sa.JSON, default=list)
    """The tolerances that apply to this house and room."""
    measured: Mapped[Any] = mapped_column(sa.JSON, default=dict)
    """Measured values as exact text by the position of the measure: ``{"0": "4.5"}``."""
    verdict: Mapped[Verdict | None] = mapped_column(sa.String(4))
    note: Mapped[str] = mapped_column(sa.Text, default="")
    answered_at: Mapped[dt.datetime | None]
    answered_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id", ondelete="SET NULL"))

    inspection: Mapped[Inspection] = relationship(
        back_populates="results",
        primaryjoin=lambda: foreign(InspectionResult.inspection_id) == Inspection.id,
    )
    room: Mapped[InspectionRoom] = relationship(
        primaryjoin=lambda: foreign(InspectionResult.room_id) == InspectionRoom.id, viewonly=True
    )


class FinishedInspectionError(RuntimeError):
    """A finished inspection was about to be changed."""


def _refuse_if_finished(_mapper: Any, _connection: Any, target: Any) -> None:
    inspection = target if isinstance(target, Inspection) else target.inspection
    if inspection is None:
        return
    history = sa.inspect(inspection).attrs.state.history
    before = history.deleted[0] if history.deleted else inspection.state
    if before == InspectionState.FINISHED:
        raise FinishedInspectionError(f"Inspection {inspection.number} is finished and cannot be changed.")


def _refuse_change_if_finished(mapper: Any, connection: Any, target: Any) -> None:
    # Called for every row of the session that was touched, also when nothing has changed in it.
    session = sa.orm.object_session(target)
    if session is not None and session.is_modified(target):
        _refuse_if_finished(mapper, connection, target)


for _model in (Inspection, InspectionRoom, InspectionResult):
    sa.event.listen(_model, "before_update", _refuse_change_if_finished)
    sa.event.listen(_model, "before_delete", _refuse_if_finished)
for _model in (InspectionRoom, InspectionResult):
    sa.event.listen(_model, "before_insert", _refuse_if_finished)
