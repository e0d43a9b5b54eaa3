"""Words for the values of customers, shared by pages, filters and exports."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from core.customers.life_cycle import LifeCycle
from core.customers.models import CustomerKind, IdentityType, UnitRole

KINDS = ((CustomerKind.PERSON, _l("Natural person")), (CustomerKind.COMPANY, _l("Legal entity")))
IDENTITY_TYPES = (
    (IdentityType.ID_CARD, _l("ID card")),
    (IdentityType.PASSPORT, _l("Passport")),
    (IdentityType.HONG_KONG_MACAO_PERMIT, _l("Hong Kong and Macao permit")),
    (IdentityType.TAIWAN_PERMIT, _l("Taiwan permit")),
    (IdentityType.OTHER, _l("Other document")),
)
ROLES = (
    (UnitRole.BUYER, _l("Buyer")),
    (UnitRole.JOINT_OWNER, _l("Joint owner")),
    (UnitRole.FAMILY, _l("Family")),
    (UnitRole.TENANT, _l("Tenant")),
    (UnitRole.ATTORNEY, _l("Attorney")),
)
STAGES = {
    LifeCycle.PROSPECT: ("calm", _l("Prospect")),
    LifeCycle.SUBSCRIBED: ("wait", _l("Subscribed")),
    LifeCycle.SIGNED: ("wait", _l("Signed")),
    LifeCycle.WAITING: ("wait", _l("Waiting for delivery")),
    LifeCycle.DELIVERED: ("ok", _l("Delivered")),
    LifeCycle.OCCUPIED: ("ok", _l("Moved in")),
    LifeCycle.CANCELLED: ("late", _l("Purchase cancelled")),
    LifeCycle.MERGED: ("calm", _l("Merged")),
    LifeCycle.ERASED: ("calm", _l("Erased")),
}
SURVEY_CLASSES = {
    "future_owner_1": _l("Future owner, first year"),
    "future_owner_2": _l("Future owner, later"),
    "settling_in_1": _l("Settling in, first year"),
    "settling_in_2": _l("Settling in, second year"),
    "settled": _l("Settled"),
}
LANGUAGES = (("zh_Hans_CN", "中文"), ("en", "English"))
CONTACT_KINDS = (
    ("phone", _l("Telephone")),
    ("email", _l("E-mail")),
    ("wechat", _l("WeChat")),
    ("address", _l("Postal address")),
)
PURPOSES = (
    ("purchase", _l("Purchase and contract")),
    ("service", _l("Handover, warranty and service")),
    ("marketing", _l("Advertising and events")),
    ("survey", _l("Surveys")),
    ("photos", _l("Photos of the customer")),
    ("sharing", _l("Passing on to banks, law firms and the property company")),
)
"""Purposes of processing that need consent (PIPL 13, 14, 23, 29)."""
CONSENT_CHANNELS = (
    ("sales_office", _l("On paper in the sales office")),
    ("on_site", _l("On paper on site")),
    ("web", _l("On a web page")),
    ("phone", _l("By telephone, recorded")),
)
CHANNELS = (
    ("phone", _l("Telephone")),
    ("sms", _l("SMS")),
    ("wechat", _l("WeChat")),
    ("email", _l("E-mail")),
    ("letter", _l("Letter")),
)
MESSAGE_PURPOSES = (
    ("marketing", _l("Advertising and events")),
    ("survey", _l("Surveys")),
    ("greetings", _l("Birthday and festival greetings")),
)

SOURCES = (("import", _l("Import")),)
"""Sources that Doorstep writes itself; what people write stands as they wrote it."""

LABELS = {
    "name": _l("Name"),
    "phone": _l("Telephone"),
    "kind": _l("Kind"),
    "life_cycle": _l("Stage"),
    "projects": _l("Projects"),
    "project": _l("Project"),
    "project_id": _l("Project"),
    "id": _l("Number"),
    "created_at": _l("Registered"),
    "email": _l("E-mail"),
    "identity_type": _l("Identity document"),
    "identity_number": _l("Document number"),
    "credit_code": _l("Unified social credit code"),
    "born_on": _l("Born"),
    "address": _l("Address"),
    "language": _l("Language"),
    "source": _l("Source"),
    "note": _l("Note"),
    "survey_class": _l("Survey class"),
    "customer_id": _l("Customer"),
    "customer.name": _l("Customer"),
    "unit_id": _l("Unit"),
    "unit.code": _l("Unit"),
    "unit.project.name": _l("Project"),
    "role": _l("Role"),
    "share_percent": _l("Share in percent"),
    "subscribed_on": _l("Subscribed on"),
    "signed_on": _l("Signed on"),
    "contract_number": _l("Contract number"),
    "cancelled_on": _l("Cancelled on"),
    "from_date": _l("From"),
    "to_date": _l("Last day"),
    "value": _l("Number or address"),
    "label": _l("Label"),
    "person_name": _l("Whose it is"),
    "preferred": _l("Preferred"),
    "purpose": _l("Purpose"),
    "given_at": _l("Given"),
    "withdrawn_at": _l("Withdrawn on"),
    "channel": _l("Channel"),
    "notice_version": _l("Version of the notice"),
    "best_time": _l("Best time"),
    "do_not_call": _l("Do not call"),
    "opted_out": _l("Wants no messages about"),
}
