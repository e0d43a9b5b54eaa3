"""Texts of messages with their preview, and writing to many customers: both look at real customers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from flask import Response, abort, current_app, flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import SelectField, StringField, TextAreaField
from wtforms.validators import Length, Optional

from core.admin.access import expose_guarded, holds
from core.admin.ajax import ReferenceField, strict_id
from core.admin.forms import GuardedForm, LocalDateTimeField
from core.admin.masking import sees_personal_data
from core.admin.messages import mask_address
from core.admin.saving import SaveRefused, commit, saving
from core.admin.views import PageView
from core.customers.models import Customer
from core.customers.references import CUSTOMERS
from core.database.scope import require_scope
from core.database.types import utc_now
from core.extensions import db
from core.languages import LOCALES, in_language
from core.machinery.messages import services, texts
from core.machinery.messages.models import MessageBatch
from core.machinery.messages.words import KINDS, PURPOSES
from core.people.models import Department
from core.people.services import departments_in_reach
from core.plugin_system.declarations import MessageTemplate
from core.plugin_system.runtime import current_runtime

ALWAYS = (
    ("customer", _l("Name of the recipient")),
    ("company", _l("Our company, as in the letterhead")),
    ("project", _l("Project")),
    ("unit", _l("Unit")),
    ("phone", _l("Service number of the department")),
)


class TextForm(GuardedForm):
    """The words of a template in one language."""

    subject = StringField(_l("Subject"), [Length(max=texts.LONGEST_SUBJECT)])
    body = TextAreaField(_l("Text"), [Length(max=texts.LONGEST_BODY)], render_kw={"rows": 7})


class PreviewForm(GuardedForm):
    """The customer with whom a text is looked at."""

    customer_id = ReferenceField(_l("With this customer"), reference=CUSTOMERS)


class ComposeForm(GuardedForm):
    """What is written to the customers of a batch, and when."""

    template = SelectField(_l("Message"))
    title = StringField(_l("Title, for the list of messages to many"), [Length(max=200)])
    not_before = LocalDateTimeField(
        _l("Not before"), [Optional()], description=_l("Empty for now. Quiet hours are kept in any case.")
    )


def _templates(by_hand: bool = False) -> list[MessageTemplate]:
    found = current_runtime().declared.message_templates()
    return [template for template in found if template.by_hand or not by_hand]


def _template(code: str, by_hand: bool = False) -> MessageTemplate:
    return next((each for each in _templates(by_hand) if each.code == code), None) or abort(404)


def _module(template: MessageTemplate) -> str:
    runtime = current_runtime()
    plugin = runtime.plugins.get(runtime.declared.component_of(template))
    return str(plugin.name) if plugin is not None else _("Core")


def _chosen_customer(text: str | None) -> Customer | None:
    """Return the visible customer with a key; 404 for one that is foreign or missing, None for no key."""
    if not text:
        return None
    key = strict_id(text)
    found = db.session.scalar(sa.select(Customer).where(Customer.id == key)) if key is not None else None
    return found or abort(404)


def _shown(
    template: MessageTemplate, customer: Customer | None, language: str | None = None
) -> dict[str, Any]:
    """Return a preview as the page shows it, the address masked for who may not read it."""
    preview = services.preview(template, customer, language=language)
    address = preview.address if sees_personal_data() else mask_address(preview.address)
    return {
        "preview": preview,
        "address": address,
        "kind": KINDS[preview.kind],
        "customer": customer,
        "lacks_phone": _lacks_phone(template, preview.language),
        "waits": preview.not_before > utc_now() + dt.timedelta(minutes=1),
    }


def _lacks_phone(template: MessageTemplate, language: str) -> bool:
    """Return whether a text names the service number and the acting department has none."""
    department_id = require_scope().department_id
    path = services.means().departments_above(department_id) if department_id is not None else []
    names_it = "{phone}" in texts.words_for(template, language, path).body
    return names_it and not services.means().setting("service_phone", department_id)


class MessageTextsView(PageView):
    """``/admin/message_texts/``: what each message says, and the words of the own department."""

    @expose_guarded("/", permission="messages.view")
    def index(self) -> Any:
        """Show all templates with the text that counts in the acting department."""
        department_id = require_scope().department_id
        path = services.means().departments_above(department_id) if department_id is not None else []
        rows = []
        for template in _templates():
            words = {language: texts.words_for(template, language, path) for language in LOCALES}
            changed = {each.department_id for each in words.values()} - {None}
            rows.append((template, _module(template), words, changed))
        return self.render(
            "messages/texts.html", rows=rows, purposes=PURPOSES, kinds=KINDS, languages=LOCALES
        )

    @expose_guarded("/lookup/", permission="messages.view")
    def lookup(self) -> Any:
        """Propose customers for the preview."""
        offset = strict_id(request.args.get("offset")) or 0
        return current_app.json.response(CUSTOMERS.proposals(request.args.get("query", ""), None, offset, 20))

    @expose_guarded("/edit/", permission="messages.view", methods=("GET", "POST"))
    def edit(self) -> Any:
        """Show a text with its preview, and change it for the department."""
        template = _template(request.args.get("code", ""))
        language = request.args.get("language", "zh_Hans_CN")
        if language not in LOCALES:
            abort(404)
        department = self._department()
        path = services.means().departments_above(department.id)
        words = texts.words_for(template, language, path)
        may_edit = holds("messages.edit_texts")
        posted = request.method == "POST"
        if posted and not may_edit:
            abort(403)
        form = TextForm(request.form if posted else None, data={"subject": words.subject, "body": words.body})
        if posted:
            done = self._restore if request.form.get("restore") == "1" else self._change
            if done(template, department, language, form):
                return redirect(self._address(template, language, department), 303)
        customer = _chosen_customer(request.args.get("customer_id"))
        looking = PreviewForm(None, data={"customer_id": customer.id if customer is not None else None})
        looking.customer_id.lookup_url = url_for(".lookup", name="customer_id")
        html = self.render(
            "messages/text.html",
            chosen=template,
            module=_module(template),
            language=language,
            languages=LOCALES,
            department=department,
            departments=departments_in_reach(),
            name_of=lambda each: in_language(each.name, each.name_en),
            own=words.department_id == department.id,
            from_above=words.department_id is not None and words.department_id != department.id,
            form=form,
            looking=looking,
            placeholders=[*ALWAYS, *((each.name, each.label) for each in template.placeholders)],
            shown=_shown(template, customer, language),
            purposes=PURPOSES,
            kinds=KINDS,
            may_edit=may_edit,
        )
        return (html, 422) if posted else html

    @staticmethod
    def _department() -> Department:
        named = request.values.get("department")
        wanted = require_scope().department_id if named is None else strict_id(named)
        return next((each for each in departments_in_reach() if each.id == wanted), None) or abort(404)

    @staticmethod
    def _address(template: MessageTemplate, language: str, department: Department) -> str:
        return url_for(".edit", code=template.code, language=language, department=department.id)

    def _change(
        self, template: MessageTemplate, department: Department, language: str, form: TextForm
    ) -> bool:
        if not form.validate():
            return False
        try:
            with saving():
                services.change_text(
                    template, department, language, form.subject.data or "", form.body.data or ""
                )
            commit()
        except texts.TextRefused as refusal:
            db.session.rollback()
            form[refusal.field].errors = [str(refusal)]
            return False
        except (services.MessageRefused, SaveRefused) as refusal:
            db.session.rollback()
            form.form_errors = [*form.form_errors, str(refusal)]
            return False
        flash(_("The text was saved. It counts from the next message on."), "success")
        return True

    def _restore(
        self, template: MessageTemplate, department: Department, language: str, form: TextForm
    ) -> bool:
        try:
            with saving():
                services.restore_text(template, department, language)
            commit()
        except (services.MessageRefused, SaveRefused) as refusal:
            db.session.rollback()
            form.form_errors = [*form.form_errors, str(refusal)]
            return False
        flash(_("The text from above counts again."), "success")
        return True


class MessageComposeView(PageView):
    """``/admin/message_compose/``: choose what is written to the customers of a batch, look at it, and send it."""

    @expose_guarded("/", permission="messages.send", methods=("GET", "POST"))
    def index(self) -> Any:
        """Show the text with a customer of the batch, or start writing."""
        batch = self._draft()
        if batch.template:
            # It is on its way already: the button was pressed twice, or the page was opened again.
            return redirect(url_for("message_batches.details_view", id=batch.id), 303)
        templates = _templates(by_hand=True)
        posted = request.method == "POST"
        form = ComposeForm(request.form if posted else request.args)
        form.template.choices = [(each.code, str(each.label)) for each in templates]
        if not templates:
            flash(_("There is no message that may be written by hand."), "error")
            return redirect(url_for("message_batches.index_view"), 303)
        if not form.template.data:
            form.template.data = templates[0].code
        template = _template(form.template.data, by_hand=True)
        if posted and form.validate() and self._send(batch, template, form):
            return redirect(url_for("message_batches.details_view", id=batch.id), 303)
        people = self._some_people(batch)
        customer = _chosen_customer(request.args.get("customer")) or (people[0] if people else None)
        html = self.render(
            "messages/compose.html",
            batch=batch,
            form=form,
            chosen=template,
            people=people,
            shown=_shown(template, customer),
            purposes=PURPOSES,
            cap=services.means().setting("messages_per_month", require_scope().department_id),
        )
        return (html, 422) if posted else html

    @staticmethod
    def _draft() -> MessageBatch:
        key = strict_id(request.values.get("id"))
        batch = None
        if key is not None:
            query = sa.select(MessageBatch).where(MessageBatch.id == key)
            batch = db.session.scalar(query.with_for_update() if request.method == "POST" else query)
        if batch is None:
            abort(404)
        if batch.user_id != require_scope().user_id:
            # Somebody else is about to write it.
            abort(404)
        return batch

    @staticmethod
    def _some_people(batch: MessageBatch) -> Sequence[Customer]:
        """Return the first customers of a batch whom the user sees, for the choice of the preview."""
        return db.session.scalars(
            sa.select(Customer).where(Customer.id.in_(batch.recipients[:20])).order_by(Customer.id)
        ).all()

    @staticmethod
    def _send(batch: MessageBatch, template: MessageTemplate, form: ComposeForm) -> bool:
        try:
            with saving():
                services.launch_batch(batch, template.code, form.title.data or "", form.not_before.data)
            commit()
        except (services.MessageRefused, SaveRefused) as refusal:
            db.session.rollback()
            form.form_errors = [*form.form_errors, str(refusal)]
            return False
        flash(_("The messages are being written. Each goes out when its time has come."), "success")
        return True


def start_writing(customer_ids: Sequence[int]) -> Response:
    """Keep the chosen customers as a draft, and lead to the page where the message is chosen.

    Args:
        customer_ids: Visible customers.
    """
    batch = services.draft_batch(customer_ids)
    commit()
    answer: Any = redirect(url_for("message_compose.index", id=batch.id), 303)
    return answer
