"""What a plugin declares. Frozen data: the core validates it whole and does the registering itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Text = Any
"""A user text: a plain string or a lazy translation."""


class Area(StrEnum):
    """The business areas of the sidebar, in order."""

    WORK = "work"
    CUSTOMERS = "customers"
    PROJECTS = "projects"
    SIGNING = "signing"
    HANDOVER = "handover"
    SERVICE = "service"
    INSIGHT = "insight"
    SETUP = "setup"


class FailurePolicy(StrEnum):
    """What happens when a plugin fails in a run-time hook."""

    ISOLATE = "isolate"
    """Own SAVEPOINT; the page lives and says calmly what is missing."""
    ABORT = "abort"
    """The transaction rolls back and the error names the plugin."""


@dataclass(frozen=True)
class Manifest:
    """Who a plugin is and what it needs.

    Attributes:
        slug: Lower-case identifier; prefix of its tables, permissions, endpoints and templates.
        name: What staff read, translatable.
        version: The plugin's own version.
        api: Major version of ``core.toolkit`` that it was written for.
        summary: One sentence for the module manager.
        depends: Slugs that must be healthy and switched on wherever this plugin is on; their models may be imported.
        uses: Slugs that are used when present and never required.
        category: ``module`` for what departments switch on by wish, ``base`` for what other modules build on.
    """

    slug: str
    name: Text
    version: str
    api: int
    summary: Text = ""
    depends: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    category: str = "module"


@dataclass(frozen=True)
class Permission:
    """A right that roles can hold. ``code`` is ``<slug>.<verb>``, for example ``handover.verify_defect``.

    ``default_roles`` names the role codes (domain reference 0.2) that receive it on a new installation.
    """

    code: str
    label: Text
    description: Text = ""
    default_roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class RecordKind:
    """A kind of record that other parts can hang things on: attachments, panels, documents, timeline, change log.

    Attributes:
        code: ``<slug>.<noun>``, for example ``handover.defect``.
        model: The mapped class.
        label: What staff read, singular.
        view_permission: Needed to see the record and what hangs on it.
        edit_permission: Needed to attach files.
        endpoint: Endpoint of the details page, called with ``id``.
        title: Returns the heading of one record.
        breadcrumbs: Returns ``(text, url or None)`` pairs from the project down, without the record itself.
        attachment_slots: Names of what attachments can be to the record, with labels.
        narrow: Returns the conditions that a visible row meets, for a model that the wall does not narrow: what the
            view of the kind leaves out, files and documents must not reach either.
    """

    code: str
    model: Any
    label: Text
    view_permission: str
    edit_permission: str
    endpoint: str
    title: Callable[[Any], str]
    breadcrumbs: Callable[[Any], Sequence[tuple[str, str | None]]] | None = None
    attachment_slots: Mapping[str, Text] = field(default_factory=dict)
    narrow: Callable[[], Sequence[Any]] | None = None


@dataclass(frozen=True)
class RecordWords:
    """What the change log calls a table of the plugin and those of its fields that no view has a label for.

    Attributes:
        model: The mapped class.
        fields: Words by the name of the attribute.
        label: What one row is called; needed for a table that is no record kind.
    """

    model: Any
    fields: Mapping[str, Text] = field(default_factory=dict)
    label: Text = ""


@dataclass(frozen=True)
class AdminView:
    """A view of the back office. The core makes the instance, names its endpoint and mounts it.

    Attributes:
        view: A subclass of ``toolkit.RecordView`` (with ``model``) or ``toolkit.PageView``.
        name: Last part of the address and of the endpoint: ``/admin/<slug>/<name>/``, ``<slug>_<name>``.
        label: Text in the sidebar.
        area: Where in the sidebar.
        order: Position in the area, small first.
        model: The mapped class of a record view.
        in_menu: False for pages that are reached from others.
        badge: Returns a count for the sidebar, or None; called inside the request's scope.
    """

    view: type
    name: str
    label: Text
    area: Area
    order: int = 100
    model: Any = None
    in_menu: bool = True
    badge: Callable[[], int | None] | None = None


@dataclass(frozen=True)
class PublicBlueprint:
    """A Flask blueprint with pages for staff on site or for customers, mounted at ``/<prefix>``.

    Every view function needs ``@toolkit.requires(permission)`` or ``@toolkit.public(reason)``; the core refuses others.
    """

    blueprint: Any
    prefix: str


@dataclass(frozen=True)
class Setting:
    """A number or text that departments may change; departments below inherit it.

    Attributes:
        key: ``<noun>``; stored under the plugin's slug.
        default: The value when nobody changed it; its type decides the form field
            (bool, int, Decimal, str, tuple of choices).
        label: What heads read.
        help: What it changes, with the unit.
        source: Where the default comes from, for example the clause of a law or of the procedure.
        choices: Allowed values with labels, for a choice.
        minimum: Smallest number allowed (also a floor fixed by law).
        maximum: Largest number allowed.
    """

    key: str
    default: Any
    label: Text
    help: Text = ""
    source: Text = ""
    choices: tuple[tuple[Any, Text], ...] = ()
    minimum: Any = None
    maximum: Any = None


@dataclass(frozen=True)
class DocumentType:
    """A printed document of one record.

    Attributes:
        code: ``<slug>.<name>``, for example ``handover.inspection_record``.
        label: Title in lists and on the paper.
        record_kind: Code of the record kind that it is printed for.
        template: Template name, ``<slug>/documents/<name>.html``; extends ``documents/base.html``.
        context: Returns the template's values for a loaded record and a language.
        permission: Needed to preview and print.
        issue_permission: Needed to issue (number, archive, QR); None when it is never issued.
        number_prefix: Prefix of the document's number, for example ``YF``.
        languages: Locale codes it can be printed in.
        may_issue: Returns a sentence that says why the record cannot be issued yet, or None.
        overlay: Whether it is a fixed form: a letter, notice, card or receipt whose places that differ are all marked
            as slots in the template. A batch lays such a form out once and draws the values over it.
    """

    code: str
    label: Text
    record_kind: str
    template: str
    context: Callable[[Any, str], Mapping[str, Any]]
    permission: str
    issue_permission: str | None = None
    number_prefix: str = ""
    languages: tuple[str, ...] = ("zh_Hans_CN", "en")
    may_issue: Callable[[Any], Text | None] | None = None
    overlay: bool = False


@dataclass(frozen=True)
class ImportDeclaration:
    """Records of one kind that staff may take in from an Excel or CSV file.

    Attributes:
        code: ``<slug>.<noun>``, for example ``contractors.companies``.
        label: What staff choose, in the plural: “Contractors”.
        importer: An instance of a subclass of ``toolkit.Importer``: the columns, how a row is recognised, and the
            services that write.
        permission: Needed to upload, to see the verdicts, to write and to undo; one of its own, because a file can
            change thousands of records.
        record_kind: Code of the kind of the records, whose pages the result links.
        order: Place in the list of imports, small first.
    """

    code: str
    label: Text
    importer: Any
    permission: str
    record_kind: str
    order: int = 100


@dataclass(frozen=True)
class Signable:
    """A kind of record that is signed on glass.

    Attributes:
        record_kind: Code of the record kind.
        roles: As what people sign, codes with labels, in the order in which they sign.
        content: Returns what is signed as plain data: mappings, lists, texts, whole numbers, true and false. The same
            record gives the same content for ever; what may change afterwards does not belong in it.
        sign_permission: Needed to hold out the pad.
        supplement_permission: Needed to add a supplement; None when nobody can.
        may_sign: Returns a sentence that says why the record cannot be signed yet, or None.
        summary: Returns ``(label, value)`` pairs that the signer reads above the pad.
        signer: Returns the proposed name and, for a customer, his id, for a record and a role.
        label: Returns the words for a place in the content (a tuple of keys), for the list of differences.
        value: Returns the words for a text, number, true or false at a place in the content, for the list of
            differences; they stand as they are when omitted.
        choices: Returns the codes that may stand at a place in the content, with their words; empty where anything may.
            A supplement shows these words, and takes one of them.
        back: Returns the address of the page to return to after signing; the record's page when omitted.
        staff_roles: Codes of the roles in which the signed-in user signs himself.
    """

    record_kind: str
    roles: Mapping[str, Text]
    content: Callable[[Any], Mapping[str, Any]]
    sign_permission: str
    supplement_permission: str | None = None
    may_sign: Callable[[Any], Text | None] | None = None
    summary: Callable[[Any], Sequence[tuple[Text, Any]]] | None = None
    signer: Callable[[Any, str], tuple[str, int | None]] | None = None
    label: Callable[[tuple[str, ...]], Text] | None = None
    value: Callable[[tuple[str, ...], Any], Text] | None = None
    choices: Callable[[tuple[str, ...]], Mapping[Any, Text]] | None = None
    back: Callable[[Any], str] | None = None
    staff_roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Panel:
    """A section on the page of a record, or on the home page (``record_kind="home"``).

    ``load(record)`` returns the template's values, or None to show nothing; it runs in its own SAVEPOINT.
    """

    code: str
    record_kind: str
    title: Text
    template: str
    load: Callable[[Any], Mapping[str, Any] | None]
    permission: str | None = None
    order: int = 100


@dataclass(frozen=True)
class TimelineKind:
    """A kind of timeline entry, ``<slug>.<fact>``, with the word staff read in the filter."""

    code: str
    label: Text
    tone: str = "calm"


@dataclass(frozen=True)
class SearchHit:
    """One result of the global search."""

    title: str
    url: str
    detail: str = ""
    rank: int = 100


@dataclass(frozen=True)
class SearchSource:
    """A source of the global search. ``search(query, limit)`` returns hits inside the request's scope."""

    code: str
    label: Text
    search: Callable[[str, int], Sequence[SearchHit]]
    permission: str
    order: int = 100


@dataclass(frozen=True)
class MenuLink:
    """A link in the sidebar to an endpoint that is not an admin view."""

    label: Text
    endpoint: str
    area: Area
    permission: str
    order: int = 100


SERVICE = "service"
"""The purpose of messages that a contract or a request asks for: no opt-out and no cap hold for them."""


@dataclass(frozen=True)
class Placeholder:
    """A name in braces that a message template may hold, for example ``{deadline}``.

    Attributes:
        name: Lower-case letters, digits and underscores.
        label: What it stands for, as the editor of the text reads it.
        example: A value for the preview.
    """

    name: str
    label: Text
    example: Text = ""


@dataclass(frozen=True)
class MessageTemplate:
    """A message to customers or other outsiders. Departments may change its texts, never its purpose or placeholders.

    Texts hold placeholders in braces and no other logic. ``{customer}``, ``{company}``, ``{project}``, ``{unit}`` and
    ``{phone}`` (the service number of the department) are always there.

    Attributes:
        code: ``<slug>.<name>``, for example ``handover.notice_link``.
        label: What staff read.
        body: The text in Chinese.
        body_en: The text in English.
        purpose: ``service`` for what a contract or a request asks for, else the purpose that customers can opt out of:
            ``marketing``, ``survey`` or ``greetings``.
        channels: Kinds of channels it may take, the preferred one first: ``sms``, ``wechat``, ``email``, ``letter``.
        subject: Subject of an e-mail and heading of a letter, in Chinese.
        subject_en: The same in English.
        placeholders: What the text may hold besides the five that are always there.
        by_hand: Whether staff may send it to customers of their choice; then it has no further placeholders, or its
            ``values`` fill them.
        values: Returns the values of the further placeholders for a customer and a unit or None, for batches.
        urgent: Whether it goes out in quiet hours too, for example for a burst pipe.
    """

    code: str
    label: Text
    body: str
    body_en: str
    purpose: str = SERVICE
    channels: tuple[str, ...] = ("sms", "email")
    subject: str = ""
    subject_en: str = ""
    placeholders: tuple[Placeholder, ...] = ()
    by_hand: bool = False
    values: Callable[[Any, Any], Mapping[str, str]] | None = None
    urgent: bool = False


@dataclass(frozen=True)
class MessageChannel:
    """A way by which messages leave the house: an adapter of an SMS gateway, a mail server, WeCom.

    Of the channels of one kind the first that is ready carries a message; those of plugins are asked before the core's.

    Attributes:
        code: ``<slug>.<name>``, for example ``core.sms_gateway``.
        label: What staff read.
        kind: What it carries: ``sms``, ``wechat``, ``email`` or ``letter``.
        ready: Returns whether it is configured.
        send: Hands over an ``OutgoingMessage`` and returns a ``Receipt``; raises ``NotSent`` when nothing left the
            house for certain. Any other error leaves it unknown whether the message was sent.
        inquire: Asks the other side what became of a message that was handed over under an idempotency key; returns
            a ``Receipt``, or None when it never arrived there. None for a channel that cannot tell.
        disturbs: Whether it rings where the reader is, so that quiet hours hold for it.
    """

    code: str
    label: Text
    kind: str
    ready: Callable[[], bool]
    send: Callable[[Any], Any]
    inquire: Callable[[str], Any] | None = None
    disturbs: bool = True


@dataclass(frozen=True)
class LinkPurpose:
    """What a personal link is for: a public page that an outsider opens without an account.

    Attributes:
        code: ``<slug>.<name>``, for example ``handover.confirm_notice``.
        label: What staff read, and the visitor above the page.
        record_kind: Code of the record kind that its links belong to.
        endpoint: Endpoint of the public page; its address takes ``<int:link_id>`` and its function is marked with
            ``@personal_link``.
        permission: Needed to make, print and revoke its links.
        second_fact: What the visitor must know before personal data shows: ``phone_tail`` (the last four digits of the
            telephone number), ``household`` (flat and telephone number; for a poster, which belongs to nobody), or
            None where the page shows no personal data.
        days: How long a link is good when whoever makes it says nothing else.
        uses: How often the page can be completed; 0 for any number of times.
        collects: What the page asks for and what it is used for, a sentence for the privacy notice. Empty for a page
            without personal data: then no consent is asked.
        sensitive: Names the sensitive personal data that the page asks for (PIPL 28 and 29), or "".
        consent: Purpose under which the consent of a customer is recorded.
        permissions: Permission codes that hold during the visit, for services that ask for them.
        message: Code of the message template that carries the link, with the placeholder ``link``; "" for none.
        uploads: Whether the page takes files: up to ten of ten megabytes.
        poster: Whether its links belong to nobody and hang on a wall: they are shown and printed again at any time.
        recipients: Returns who may get a link of a record: customers, or ``Recipient`` for people who are none. When
            None, it is the customer whom the record names.
        hint: What stands on posters and printed cards below the title, for example what the page is good for.
        photos: Returns the attachments that visitors see, of a ``LinkVisit``: of the link's record, or of others that
            are his. It runs in the visit's scope. When None, visitors see no photo; what they sent themselves is no
            exception.
    """

    code: str
    label: Text
    record_kind: str
    endpoint: str
    permission: str
    second_fact: str | None = "phone_tail"
    days: int = 30
    uses: int = 0
    collects: Text = ""
    sensitive: Text = ""
    consent: str = SERVICE
    permissions: tuple[str, ...] = ()
    message: str = ""
    uploads: bool = False
    poster: bool = False
    recipients: Callable[[Any], Sequence[Any]] | None = None
    hint: Text = ""
    photos: Callable[[Any], Iterable[Any]] | None = None


@dataclass(frozen=True)
class JobKind:
    """A kind of work in the background, started with ``toolkit.enqueue_job``.

    ``run(run)`` gets a ``toolkit.JobRun``. It works through idempotent steps (``for key in run.steps(keys):``), each of
    which is one transaction that is committed together with its mark; so it may be killed at any moment and is called
    again for what is not done yet.

    Attributes:
        code: ``<slug>.<name>``, for example ``handover.print_records``.
        label: What staff read in the list of jobs.
        run: Does the work; it acts as the user who started it, with his rights of that moment.
        permission: Needed to start it and to go on with it; None only for a job of the system.
        as_system: Whether it acts as the system, with the wall between departments open.
    """

    code: str
    label: Text
    run: Callable[[Any], None]
    permission: str | None = None
    as_system: bool = False


@dataclass(frozen=True)
class PeriodicTask:
    """Work that comes again and again: every so many minutes, or each day at a time of the clock in China.

    Each time becomes one job of the system, whatever the number of workers. It is not started while the one before
    still runs, and made up for once when no worker was there at its time. It runs once for the installation, with the
    wall between departments open, when the plugin is on in any department; ``toolkit.is_on(slug, department_id)`` tells
    whether the rows of a department are meant.

    Attributes:
        code: ``<slug>.<name>``, for example ``warranty.remind``.
        label: What administrators read.
        run: Does the work; it gets a ``toolkit.JobRun`` as the function of a :class:`JobKind` does.
        minutes: How often, in minutes.
        daily_at: Or when, as ``"03:20"``.
    """

    code: str
    label: Text
    run: Callable[[Any], None]
    minutes: int | None = None
    daily_at: str | None = None


@dataclass(frozen=True)
class State:
    """A state that a record can be in.

    Attributes:
        code: Stored value.
        label: What staff read.
        tone: Colour family of the look: ``calm``, ``wait``, ``late`` or ``ok``.
    """

    code: str
    label: Text
    tone: str = "calm"


@dataclass(frozen=True)
class Transition:
    """A way from some states to another, with everything that it needs.

    Attributes:
        code: Name of the transition, unique in its workflow.
        label: Text of the button.
        sources: States it starts from.
        target: State it leads to.
        permission: Needed to do it; None means anyone who may see the record.
        required: Fields that must be given, by name, with the label a message calls them by.
        guard: Returns a sentence that says why the record may not move now, or None.
        optional: Fields that the form of the button offers beside the required ones, by name, with their labels.
        reason: Whether a reason must be given; it is kept in the history of the record.
        timeline: Code of a ``TimelineKind`` under which the move stands in the timeline of its unit or customer.
        offered: Whether record pages show a button; False for what only services do on the way.
        bulk: Whether the list offers it for ticked rows; those that may not move are skipped with their reason.
        explain: Whether the page says why a guard holds a possible step back; else its button is just not there.
        confirm: A question that is asked before, for what cannot be taken back.
    """

    code: str
    label: Text
    sources: tuple[str, ...]
    target: str
    permission: str | None = None
    required: Mapping[str, Text] | None = None
    guard: Callable[[Any, Mapping[str, Any]], Text | None] | None = None
    optional: Mapping[str, Text] | None = None
    reason: bool = False
    timeline: str | None = None
    offered: bool = True
    bulk: bool = False
    explain: bool = True
    confirm: Text | None = None


@dataclass(frozen=True)
class WorkflowDeclaration:
    """The states of one model and the transitions between them.

    Plugins make a ``toolkit.Workflow``, which also moves records.

    Attributes:
        name: ``<slug>.<noun>``, for example ``handover.defect``.
        states: All states, the first is the initial one.
        transitions: All transitions.
        attribute: The model's attribute that holds the state.
        record_kind: Code of the record kind whose records it moves; needed where the workflow is declared by the hook.
    """

    name: str
    states: Sequence[State]
    transitions: Sequence[Transition]
    attribute: str = "state"
    record_kind: str = ""

    def __post_init__(self) -> None:
        codes = [state.code for state in self.states]
        if len(codes) != len(set(codes)):
            raise ValueError(f"Workflow {self.name} names a state twice.")
        names = [transition.code for transition in self.transitions]
        if len(names) != len(set(names)):
            raise ValueError(f"Workflow {self.name} names a transition twice.")
        for transition in self.transitions:
            unknown = {*transition.sources, transition.target} - set(codes)
            if unknown:
                raise ValueError(
                    f"Transition {transition.code} of {self.name} names unknown states {sorted(unknown)}."
                )

    def state(self, code: str) -> State:
        """Return a state by its code."""
        return next(state for state in self.states if state.code == code)


@dataclass(frozen=True)
class ApprovalStep:
    """An opinion that a request needs.

    Attributes:
        code: Name of the step, unique in its kind.
        label: What its opinion box is called.
        order: Small first; steps with the same order are open at the same time.
        role: Code of the role that answers, for example ``FIN``; empty where ``person`` names somebody.
        level: Where the role is looked for: ``group`` (those of the project), ``city``, ``region``, or empty for the
            nearest: the department of the record and its groups, else the next one above.
        person: Returns the id of the user who answers for a record, or None for the role.
        switch_setting: Key of the component's yes/no setting by which a department leaves the opinion out; empty where
            it is always needed.
    """

    code: str
    label: Text
    order: int = 10
    role: str = ""
    level: str = ""
    person: Callable[[Any], int | None] | None = None
    switch_setting: str = ""


@dataclass(frozen=True)
class ApprovalBand:
    """Who decides up to an amount; the last step of every request of its kind.

    Attributes:
        code: Name of the band, unique in its kind.
        label: What its opinion box is called.
        role: Code of the role that decides.
        level: Where the role is looked for, as in :class:`ApprovalStep`.
        limit_setting: Key of the component's setting with the largest amount in yuan, included; empty for the last
            band, which has no limit.
    """

    code: str
    label: Text
    role: str
    level: str = ""
    limit_setting: str = ""


@dataclass(frozen=True)
class ApprovalKind:
    """Something that needs the approval of others.

    Attributes:
        code: ``<slug>.<noun>``, for example ``handover.penalty``.
        label: What is asked for.
        record_kind: Code of the record kind that it is asked for.
        permission: Needed to ask.
        steps: The opinions before the band, in any order.
        bands: Who decides, by amount, the smallest first; empty where the amount does not matter.
        barred_roles: Codes of roles whose holders may not ask (finance where finance reviews).
        facts: Returns what is approved as ``(label, value)`` pairs; kept with the request as they were.
        approved: Called with record and request when the last opinion was given.
        rejected: Called with record and request when it was given back to its author.
        withdrawn: Called with record and request when the author took it back.
        reopened: Called with record and request when an approved amount rose too far.
    """

    code: str
    label: Text
    record_kind: str
    permission: str
    steps: tuple[ApprovalStep, ...] = ()
    bands: tuple[ApprovalBand, ...] = ()
    barred_roles: tuple[str, ...] = ()
    facts: Callable[[Any], Sequence[tuple[Text, Any]]] | None = None
    approved: Callable[[Any, Any], None] | None = None
    rejected: Callable[[Any, Any], None] | None = None
    withdrawn: Callable[[Any, Any], None] | None = None
    reopened: Callable[[Any, Any], None] | None = None


@dataclass(frozen=True)
class Command:
    """A click command that becomes ``doorstep <slug> <name>``."""

    command: Any


@dataclass(frozen=True)
class HouseTerm:
    """What a house is guaranteed for and how long: a line of its quality guarantee.

    Attributes:
        code: Code of the warranty category, for example ``W02``.
        part: The part of the house, in the reader's language.
        content: What of it is covered.
        period: How long, in words, for example "5 years".
        start: First day; None before the delivery.
        end: Last day, included; None where it is not known yet.
    """

    code: str
    part: str
    content: str
    period: str
    start: dt.date | None = None
    end: dt.date | None = None


@dataclass(frozen=True)
class OpenItem:
    """Something in a unit that is still to be done and that another module may take over.

    Attributes:
        kind: Code of the record kind that it is, for example ``handover.defect``.
        record_id: Its key.
        number: Its number.
        text: What is wrong, in a few words.
        room_name: Where it is.
        urgent: Whether it is of the two worst severities.
        category_code: Warranty category W01 to W14, or "".
        contractor_id: The contractor who answers, if that is known.
        photo_ids: Keys of the attachments that show it.
    """

    kind: str
    record_id: int
    number: str
    text: str
    room_name: str = ""
    urgent: bool = False
    category_code: str = ""
    contractor_id: int | None = None
    photo_ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class DeliveryBatch:
    """Houses that are, or were, handed over together.

    Attributes:
        kind: Code of the record kind that the batch is, for example ``handover.batch``.
        record_id: Its key.
        name: What people call it.
        unit_ids: Keys of its houses.
    """

    kind: str
    record_id: int
    name: str
    unit_ids: tuple[int, ...]


@dataclass(frozen=True)
class SeedData:
    """Reference data that a new installation loads; ``load()`` is idempotent and runs with the wall open."""

    load: Callable[[], None]


@dataclass(frozen=True)
class DemoData:
    """Demo data; ``load(demo)`` runs after those of the plugin's dependencies, with the wall open.

    ``demo`` is the core's account of what it made: departments, users, projects, units and customers by name.
    """

    load: Callable[[Any], None]


class ClockTime(StrEnum):
    """The time that a clock counts."""

    ALWAYS = "24x7"
    """Every second; holidays do not extend the limit."""
    WORKING = "working"
    """Working hours of working days: Chinese public holidays are free, make-up working days count."""


@dataclass(frozen=True)
class RollRule:
    """A due moment in the night moves to the next morning; what falls on an edge stays.

    Attributes:
        after: Local time from which on, itself excluded, the night runs.
        before: Local time until which, itself excluded, the night runs.
        to: Local time to which the due moment moves, on the morning that ends the night.
        from_limit: Shortest limit that moves at all.
        after_setting: Key of a setting of the same component that holds ``after`` instead, as a text like ``18:00``.
        before_setting: The same for ``before``.
        to_setting: The same for ``to``.
        from_limit_setting: Key of a setting that holds ``from_limit`` instead, in minutes.
    """

    after: dt.time = dt.time(18, 0)
    before: dt.time = dt.time(8, 30)
    to: dt.time = dt.time(9, 0)
    from_limit: dt.timedelta = dt.timedelta(hours=2)
    after_setting: str = ""
    before_setting: str = ""
    to_setting: str = ""
    from_limit_setting: str = ""

    @property
    def setting_keys(self) -> tuple[str, ...]:
        """The keys of the settings that it names."""
        keys = (self.after_setting, self.before_setting, self.to_setting, self.from_limit_setting)
        return tuple(key for key in keys if key)


@dataclass(frozen=True)
class PauseReason:
    """Why work on a record rests.

    Attributes:
        code: Stored value.
        label: What staff read.
        stops: Whether the clock stops meanwhile; otherwise the rest is kept on record and the clock runs on.
        most: How long all rests for this reason together may stop one clock; None without a limit.
        most_setting: Key of a setting of the same component that holds the number of days instead.
        needs_notice: Whether the clock stops only from the moment on at which the customer was told.
    """

    code: str
    label: Text
    stops: bool = True
    most: dt.timedelta | None = None
    needs_notice: bool = False
    most_setting: str = ""


@dataclass(frozen=True)
class EscalationStep:
    """A rung of the ladder: who hears of a clock, and when.

    Attributes:
        code: Name of the step, unique in its policy.
        label: What is to be done, as the title of the to-do begins.
        after: Time from the due moment on; negative for a reminder before it.
        after_setting: Key of a setting of the same component that holds the number instead; ``after`` is ignored.
        unit: What the number of the setting counts: ``minutes``, ``hours`` or ``days``.
        role: Code of the role that gets the to-do, for example ``ENG``; "" for the owner of the clock alone.
        level: Kind of the department above the clock's that it goes to (``group``, ``city``, ``region``); "" for the
            clock's own.
        to_owner: Whether the owner of the clock gets the to-do, where it has one.
        message: Code of a message template that goes out too, by e-mail or text message, to those who get the to-do; ""
            for none. Besides the placeholders of every template it may hold ``record``, ``what`` and ``due``; the core
            has ``core.time_limit``. It is taken back when the clock stops before it was sent.
        to_customer: Whether the message goes to the customer of the record instead, for example to tell of a delay. A
            step without role and owner is then a message alone.
    """

    code: str
    label: Text
    after: dt.timedelta = dt.timedelta()
    after_setting: str = ""
    unit: str = "days"
    role: str = ""
    level: str = ""
    to_owner: bool = False
    message: str = ""
    to_customer: bool = False


@dataclass(frozen=True)
class ClockPolicy:
    """A time limit on records of one kind, and what happens when it runs out.

    A clock copies what it needs when it starts: a later change of the policy or of a setting never changes a clock
    that runs.

    Attributes:
        code: ``<slug>.<name>``, for example ``warranty.first_contact``.
        label: What staff read.
        record_kind: Code of the record kind that it is for.
        limit: The limit; None when it is given to each clock.
        limit_setting: Key of a setting of the same component that holds the number instead.
        unit: What the number of the setting counts: ``minutes``, ``hours`` or ``days``. A working day counts as long as
            the working hours of a day.
        time: Which time counts.
        roll: Whether and how a due moment in the night moves.
        pauses: For what reasons the work may rest.
        ladder: Whom to tell, in any order.
        on_step: Called when a step is taken, as ``on_step(record, clock, step)``, for what neither a to-do nor a
            message says. It runs in a SAVEPOINT of its own; when it fails, the to-do stands all the same.
    """

    code: str
    label: Text
    record_kind: str
    limit: dt.timedelta | None = None
    limit_setting: str = ""
    unit: str = "hours"
    time: ClockTime = ClockTime.ALWAYS
    roll: RollRule | None = None
    pauses: tuple[PauseReason, ...] = ()
    ladder: tuple[EscalationStep, ...] = ()
    on_step: Callable[[Any, Any, EscalationStep], None] | None = None


@dataclass(frozen=True)
class CalendarEntry:
    """What a calendar shows on a day.

    Attributes:
        title: What it is.
        starts_at: Moment in UTC; its local day counts.
        ends_at: Moment in UTC, or None.
        all_day: Whether it belongs to the day and to no time of it.
        url: Page of the record, or "".
        detail: A second line, for example the house.
        tone: ``late``, ``wait``, ``ok`` or ``calm``.
    """

    title: str
    starts_at: dt.datetime
    ends_at: dt.datetime | None = None
    all_day: bool = False
    url: str = ""
    detail: str = ""
    tone: str = "calm"


@dataclass(frozen=True)
class CalendarSource:
    """A kind of entries in the calendar of the back office.

    Attributes:
        code: ``<slug>.<name>``, for example ``handover.appointments``.
        label: What staff read beside the box that shows and hides them.
        load: Returns the entries from a moment to another, both in UTC, the second excluded, inside the scope of the
            request: ``load(start, end, mine)``; ``mine`` asks for those of the acting user alone.
        permission: Needed to see them.
        order: Position among the sources, small first.
    """

    code: str
    label: Text
    load: Callable[[dt.datetime, dt.datetime, bool], Sequence[CalendarEntry]]
    permission: str
    order: int = 100
