"""The kit of public pages: arriving by a personal link, recognising the visitor, and forms that outsiders fill in.

A module writes its page as a view with ``@personal_link`` and its form as a ``PublicForm``; everything else is here.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import sqlalchemy.exc
from flask import (
    Blueprint,
    Response,
    abort,
    after_this_request,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_babel import force_locale, get_locale, refresh
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from itsdangerous import BadData, URLSafeTimedSerializer
from limits import parse_many
from werkzeug.datastructures import CombinedMultiDict
from wtforms import HiddenField, MultipleFileField, StringField

from core.admin.files import answer_file
from core.admin.forms import GuardedForm
from core.admin.models import SubmittedForm
from core.admin.saving import SaveRefused, commit, saving
from core.admin.searching import clean_text
from core.database.scope import enter_scope
from core.extensions import db, limiter
from core.languages import wanted_locale
from core.machinery.attachments import services as attachments
from core.machinery.links import services
from core.machinery.links.services import LinkVisit
from core.people.permissions import MARK, ByLink, public
from core.people.sign_in_guards import throttling_address
from core.plugin_system.runtime import current_runtime

View = TypeVar("View", bound=Callable[..., Any])

REASON = "whoever holds the link or stands before the poster; the token has 192 random bits"
PHOTO_REASON = "whoever visits by a link whose purpose shows this photo; others get 404"
ARRIVING = "20 per minute; 200 per hour"
"""How often an address may open links."""
PROVING = "10 per minute; 40 per hour"
"""How often an address may try to be recognised, beside the five tries of each link."""
HOUSEHOLD = "5 per hour; 20 per day"
"""How often somebody may try to be recognised for one house of a poster, from whatever address."""
VISITING = "60 per minute; 600 per hour"
"""How often an address may ask for pages of visits."""
SHORTEST_SECONDS = 3
"""Nobody reads and fills in a form faster."""
LONGEST_SECONDS = services.VISIT_SECONDS
LOOKING = "300 per minute; 3000 per hour"
"""How often an address may ask for photos of visits; a page may show many."""
UPLOAD_BYTES = 10 * 10 * 1024 * 1024 + 1024 * 1024
"""Ten files of ten megabytes, and the fields beside them."""

links = Blueprint("links", __name__)


# --- Arriving


@links.get("/<token>")
@public(REASON)
@limiter.limit(ARRIVING, key_func=throttling_address)
def arrive(token: str) -> Any:
    """Swap the token of the address for a cookie, and lead on to the page."""
    link = services.arrive(token)
    if link is None:
        return unknown_link()
    purpose = current_runtime().declared.link_purpose(link.purpose)
    assert purpose is not None  # noqa: S101 (a link without a purpose is not open)
    answer = redirect(url_for(purpose.endpoint, link_id=link.id), 303)
    _set_pass(answer, link.id, services.write_pass(link))
    answer.headers["Cache-Control"] = "no-store"
    return answer


@links.post("/enter/<int(max=9223372036854775807):link_id>")
@public(REASON)
@limiter.limit(PROVING, key_func=throttling_address)
def enter(link_id: int) -> Any:
    """Check what the visitor knows, and that he agrees to the notice."""
    visit = services.visit_of(link_id, _pass_of(link_id))
    if visit is None:
        return unknown_link()
    _begin(visit)
    purpose = visit.purpose
    if visit.proved:
        return redirect(url_for(purpose.endpoint, link_id=link_id), 303)
    typed = {
        name: clean_text(request.form.get(name, ""))[:60] for name in ("fact", "house", "phone", "agree")
    }
    complaints: dict[str, str] = {}
    version = notice_version(visit)
    if needs_agreement(visit) and request.form.get("agree") != "y":
        complaints["agree"] = _("Read the notice and tick the box, or close the page if you do not agree.")
    if purpose.second_fact == "phone_tail":
        typed["fact"] = services.phone_tail(typed["fact"]) or ""
        if not typed["fact"]:
            complaints["fact"] = _("Type the last four digits of your telephone number.")
    elif purpose.second_fact == "household":
        if not typed["house"]:
            complaints["house"] = _("Type your house as it stands in the contract, for example 3-1-1201.")
        if not typed["phone"]:
            complaints["phone"] = _("Type the telephone number that you gave us.")
    if complaints:
        return _entry_page(visit, typed, complaints, 422)
    if purpose.second_fact == "household" and not _may_try_house(visit, typed["house"]):
        return _entry_page(visit, typed, {"house": _wrong_household()}, 422)
    proved = services.prove(
        visit,
        fact=typed["fact"],
        house=typed["house"],
        phone=typed["phone"],
        notice=version if purpose.collects else "",
    )
    if proved is None:
        again = services.visit_of(link_id, _pass_of(link_id))
        if again is None:
            # The tries are used up.
            return unknown_link()
        _begin(again)
        if purpose.second_fact == "household":
            return _entry_page(again, typed, {"house": _wrong_household()}, 422)
        left = services.TRIES - again.link.failures
        words = _(
            "These are not the last four digits of the number that we know. Tries left: %(left)s.", left=left
        )
        return _entry_page(again, {**typed, "fact": ""}, {"fact": words}, 422)
    answer = redirect(url_for(purpose.endpoint, link_id=link_id), 303)
    _set_pass(answer, link_id, services.write_pass(proved.link, **(proved.pass_ or {})))
    return answer


def _wrong_household() -> str:
    return _(
        "House and telephone number do not belong together in our register. Check both, or call us: the number of the "
        "contract may be another one."
    )


def _may_try_house(visit: LinkVisit, house: str) -> bool:
    """Count a try for one house, so that numbers cannot be guessed from many addresses."""
    if not current_app.config["RATE_LIMITS"]:
        return True
    key = hashlib.sha256(f"{visit.link.id}:{house.casefold()}".encode()).hexdigest()
    return all(limiter.limiter.hit(limit, "link-household", key) for limit in parse_many(HOUSEHOLD))


@links.post("/leave/<int(max=9223372036854775807):link_id>")
@public(REASON)
@limiter.limit(VISITING, key_func=throttling_address)
def leave(link_id: int) -> Any:
    """End a visit on a telephone that others use too."""
    answer = make_response(render_template("site/link_left.html"))
    answer.delete_cookie(_cookie_name(link_id), path="/")
    answer.headers["Cache-Control"] = "no-store"
    return answer


@links.get("/photo/<int(max=9223372036854775807):link_id>/<int(max=9223372036854775807):attachment_id>")
@public(PHOTO_REASON)
@limiter.limit(LOOKING, key_func=throttling_address)
def photo(link_id: int, attachment_id: int) -> Response:
    """Answer a photo or a file that the purpose of the visitor's link shows him, with what was drawn over it."""
    return _photo(link_id, attachment_id, thumbnail=False)


@links.get(
    "/photo/<int(max=9223372036854775807):link_id>/<int(max=9223372036854775807):attachment_id>/thumbnail"
)
@public(PHOTO_REASON)
@limiter.limit(LOOKING, key_func=throttling_address)
def photo_thumbnail(link_id: int, attachment_id: int) -> Response:
    """Answer the small picture."""
    return _photo(link_id, attachment_id, thumbnail=True)


def _photo(link_id: int, attachment_id: int, thumbnail: bool) -> Response:
    visit = services.visit_of(link_id, _pass_of(link_id))
    if visit is None or not visit.proved:
        abort(404)
    _begin(visit)
    attachment = next((each for each in photos_of(visit) if each.id == attachment_id), None)
    if attachment is None:
        abort(404)
    answer = answer_file(attachment, thumbnail=thumbnail, drawn=True)
    # Kept by the browser, but asked for each time: on a shared phone nothing opens once the visit is left.
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer


def photos_of(visit: LinkVisit) -> list[Any]:
    """Return the attachments that a visitor sees: those that the purpose names, as far as the visit reaches.

    Args:
        visit: The visit, in whose scope the request is.
    """
    named = [] if visit.purpose.photos is None else [each.id for each in visit.purpose.photos(visit)]
    return attachments.seen_among(named)


def unknown_link() -> Response:
    """Return the one answer to a link that is unknown, expired, used, revoked or closed."""
    answer = make_response(render_template("site/link_unknown.html"), 404)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _cookie_name(link_id: int) -> str:
    return f"{services.COOKIE}{link_id}"


def _pass_of(link_id: int) -> str:
    return request.cookies.get(_cookie_name(link_id), "")[:1000]


def _set_pass(answer: Any, link_id: int, text: str) -> None:
    answer.set_cookie(
        _cookie_name(link_id),
        text,
        max_age=services.VISIT_SECONDS,
        httponly=True,
        secure=bool(current_app.config["HTTPS"]),
        samesite="Lax",
        path="/",
    )


def _begin(visit: LinkVisit) -> None:
    """Let the rest of the request see what the visit sees, in the language that the visitor chose.

    Until he chooses, a customer's own link speaks his language like the message that brought it; a poster, or the link
    of somebody who is no customer, speaks the first of our languages that the browser names.
    """
    enter_scope(visit.scope)
    g.link_visit = visit
    is_customers = visit.link.customer_id is not None
    wanted = session.get("locale") if is_customers else wanted_locale()
    if wanted is None:
        g.forced_locale = visit.language
        refresh()


# --- The page of a module


def personal_link(purpose: str) -> Callable[[View], View]:
    """Make a view of a public blueprint the page of a purpose of personal links.

    The address of the view takes ``<int:link_id>``; the view itself gets a :class:`LinkVisit` instead. It is called
    only for an open link of this purpose whose visitor has given the second fact and agreed to the notice; everybody
    else sees the one page for unknown links, or the page that asks. Rows are narrowed to the link's project and
    customer, and the permissions of the purpose hold.

    Args:
        purpose: Code of the purpose.
    """

    def mark(view: View) -> View:
        @wraps(view)
        def visited(link_id: int, **arguments: Any) -> Any:
            visit = services.visit_of(link_id, _pass_of(link_id), purpose=purpose)
            if visit is None:
                return unknown_link()
            _begin(visit)
            if not visit.proved:
                return _entry_page(visit, {}, {}, 200)
            try:
                answer = make_response(view(visit, **arguments))
            except services.LinkClosed:
                db.session.rollback()
                return unknown_link()
            answer.headers["Cache-Control"] = "no-store"
            return answer

        setattr(visited, MARK, ByLink(REASON, purpose))
        limited: Any = limiter.limit(VISITING, key_func=throttling_address)(visited)
        return cast(View, limited)

    return mark


def finish_visit(visit: LinkVisit) -> None:
    """Count the page as completed, in the caller's transaction, and let its visitor see it a little longer.

    Args:
        visit: The visit.

    Raises:
        LinkClosed: The link was used up or revoked meanwhile; the visitor is told so, and nothing is saved.
    """
    services.complete(visit)
    facts = {
        key: value for key, value in (visit.pass_ or {}).items() if key in ("proved", "customer", "unit")
    }
    text = services.write_pass(visit.link, **facts, done=True)
    link_id = visit.link.id

    @after_this_request
    def keep(answer: Any) -> Any:
        if answer.status_code < 400:
            _set_pass(answer, link_id, text)
        return answer


def allow_uploads() -> None:
    """Let a request carry files when it belongs to the visit of a purpose that takes them; before it is read."""
    if request.method != "POST" or request.endpoint is None:
        return
    mark = getattr(current_app.view_functions.get(request.endpoint), MARK, None)
    link_id = (request.view_args or {}).get("link_id")
    if not isinstance(mark, ByLink) or not isinstance(link_id, int):
        return
    purpose = current_runtime().declared.link_purpose(mark.purpose)
    held = services.read_pass(_pass_of(link_id), link_id)
    if purpose is not None and purpose.uploads and held is not None and held.get("proved") is True:
        request.max_content_length = UPLOAD_BYTES


# --- The entry page


def needs_agreement(visit: LinkVisit) -> bool:
    """Return whether the notice has to be agreed to: it was not yet, or it has changed since."""
    if not visit.purpose.collects:
        return False
    return visit.link.agreed_at is None or visit.link.notice_version != notice_version(visit)


def notice_of(visit: LinkVisit) -> list[tuple[str, str]]:
    """Return the privacy notice of a page: headings with their sentences (PIPL 17, 23, 28 to 30)."""
    setting = services.means().setting
    department_id = visit.scope.department_id
    places = services.means().places(visit.link.project_id, None, department_id, visit.language)
    company, phone = places["company"], str(setting("service_phone", department_id))
    notice = [
        (
            _("Who processes your data"),
            _("%(company)s. Service number: %(phone)s.", company=company, phone=phone)
            if phone
            else _("%(company)s.", company=company),
        ),
        (_("What, and what for"), str(visit.purpose.collects)),
        (
            _("Who else gets it"),
            _(
                "Only those who carry out what you ask for on our behalf, for example the contractor who repairs. "
                "It is not passed on for anything else."
            ),
        ),
        (
            _("How long"),
            _("As long as the contract about your home and the law oblige us to keep it, and no longer."),
        ),
        (
            _("Your rights"),
            _(
                "You may see, copy, correct and have erased what we hold about you, and withdraw this consent at any "
                "time at the service number. What was done before stays lawful."
            ),
        ),
    ]
    if visit.purpose.sensitive:
        notice.insert(
            2,
            (
                _("Sensitive data"),
                _(
                    "%(what)s. It is needed for this alone and stored protected; without it we cannot do what you ask.",
                    what=visit.purpose.sensitive,
                ),
            ),
        )
    return notice


def notice_version(visit: LinkVisit) -> str:
    """Return the version of the notice that a consent names: the purpose, and a hash of the Chinese text."""
    with force_locale("zh_Hans_CN"):
        text = "\n".join(f"{head}\n{sentence}" for head, sentence in notice_of(visit))
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{visit.purpose.code[:31]}@{digest}"


def _entry_page(visit: LinkVisit, typed: dict[str, str], complaints: dict[str, str], status: int) -> Response:
    places = services.means().places(
        visit.link.project_id, None, visit.scope.department_id, _language_of_page()
    )
    answer = make_response(
        render_template(
            "site/link_entry.html",
            visit=visit,
            purpose=visit.purpose,
            notice=notice_of(visit) if visit.purpose.collects else [],
            asks_agreement=needs_agreement(visit),
            company=places["company"],
            project=places["project"],
            typed=typed,
            complaints=complaints,
        ),
        status,
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _language_of_page() -> str:
    return str(get_locale() or "zh_Hans_CN")


# --- Forms


class PhotosField(MultipleFileField):
    """Up to ten pictures or files of ten megabytes; their content decides what they are, not their names."""

    def chosen(self) -> list[Any]:
        """Return the uploads that were chosen."""
        return [item for item in self.data or () if getattr(item, "filename", "")]


class PublicForm(GuardedForm):
    """Base of the forms that visitors fill in: fields as in WTForms, and the guards against machines.

    It carries a signed ticket that is good for this visit, for one submission and not before three seconds, and a field
    that only machines fill in. Usage::

        form = MyForm.of(visit)
        if request.method == "POST" and form.validate():
            if form.save(lambda: services.confirm(visit.record, form.name.data)):
                return redirect(request.path, 303)
        return render_template("my_module/page.html", visit=visit, form=form), form.status
    """

    ticket = HiddenField()
    website = StringField(_l("Leave this field empty"), render_kw={"tabindex": "-1", "autocomplete": "off"})
    visit: LinkVisit
    status = 200
    form_errors: list[Any]

    @classmethod
    def of(cls, visit: LinkVisit, **defaults: Any) -> PublicForm:
        """Return the form of this request.

        Args:
            visit: The visit.
            defaults: Values of an empty form by field name.
        """
        data: Any = None
        if request.method == "POST":
            data = CombinedMultiDict((request.files, request.form))
        form = cls(data, data=None if data is not None else defaults)
        form.visit = visit
        if data is None:
            form.renew()
        return form

    def renew(self) -> None:
        """Give the form a new ticket."""
        nonce = secrets.token_urlsafe(24)
        self["ticket"].data = _tickets().dumps([self.visit.link.id, self.visit.purpose.code, nonce])
        self["ticket"].raw_data = None

    def validate(self, extra_validators: Any = None) -> bool:
        """Check the fields and the guards; what was typed is kept in either case."""
        self.status = 422
        valid = bool(super().validate(extra_validators))
        complaint = self._complaint()
        if complaint:
            self.form_errors = [*self.form_errors, complaint]
            return False
        for field in self:
            if isinstance(field, PhotosField) and len(field.chosen()) > attachments.MAX_FILES:
                field.errors = [
                    _(
                        "At most %(count)s files can be added at once. Choose fewer.",
                        count=attachments.MAX_FILES,
                    )
                ]
                valid = False
        return valid

    def _complaint(self) -> str | None:
        ticket = _read_ticket(self["ticket"].data or "")
        if ticket is None or ticket[:2] != [self.visit.link.id, self.visit.purpose.code]:
            self.renew()
            return _("The page was open for too long. Check what you typed and send it again.")
        if self["website"].data:
            return _("This looks like a machine. Leave the hidden field empty and send it again.")
        if time.time() - ticket[3] < SHORTEST_SECONDS:
            return _("That was very quick. Check what you typed and send it again.")
        return None

    @property
    def nonce(self) -> str:
        """What makes this submission the same as a second one of the same page."""
        ticket = _read_ticket(self["ticket"].data or "")
        return str(ticket[2]) if ticket is not None else ""

    def save(
        self,
        action: Callable[[], Any],
        *,
        refusals: tuple[type[Exception], ...] = (),
        finishes: bool = True,
    ) -> bool:
        """Carry out what a valid form asks for, once, and commit. The same page sent twice does nothing again.

        Args:
            action: Calls a service; it may attach files with :meth:`attach_files`.
            refusals: Exceptions of the service whose message is a sentence for the visitor.
            finishes: Whether the page is completed by it.

        Returns:
            True when it is done; False when it was refused, and the form holds the sentence.

        Raises:
            LinkClosed: The link was used up or revoked meanwhile; the visitor is told so, and nothing is saved.
        """
        submitted = SubmittedForm(nonce=self.nonce, endpoint=f"link:{self.visit.purpose.code}"[:120])
        try:
            db.session.add(submitted)
            db.session.flush()
        except sqlalchemy.exc.IntegrityError:
            db.session.rollback()
            return True
        try:
            with saving():
                action()
                db.session.flush()
            if finishes:
                finish_visit(self.visit)
            commit()
        except SaveRefused as refused:
            self._refused(refused.sentence)
            return False
        except refusals as refused:
            self._refused(str(refused))
            return False
        except attachments.UploadRefused as refused:
            self._refused(str(refused))
            return False
        return True

    def _refused(self, sentence: str) -> None:
        db.session.rollback()
        self.status = 422
        self.form_errors = [*self.form_errors, sentence]

    def attach_files(self, field: str, record: Any, slot: str = "") -> list[Any]:
        """Attach the files of a field to a record, in the transaction of :meth:`save`.

        Args:
            field: Name of a ``PhotosField``.
            record: A record of the visit's project.
            slot: What the files are to it.

        Raises:
            UploadRefused: A file is not taken; ``save`` tells the visitor why.
        """
        return [
            attachments.attach(record, item.stream, clean_text(item.filename), slot=slot)
            for item in self[field].chosen()
        ]


def _tickets() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="doorstep.public-form")


def _read_ticket(text: str) -> list[Any] | None:
    """Return link, purpose, nonce and the second at which it was made."""
    try:
        found, made = _tickets().loads(text[:1000], max_age=LONGEST_SECONDS, return_timestamp=True)
    except BadData:
        return None
    if not isinstance(found, list) or len(found) != 3:
        return None
    return [*found, made.timestamp()]
