"""The rights of the module, and the roles that get them first (domain reference 0.2)."""

from __future__ import annotations

from collections.abc import Sequence

from core.toolkit import Permission, _l


def permissions() -> Sequence[Permission]:
    """Return the rights; roles are those of domain reference 0.2."""
    seeing = ("HEAD", "BCS", "CCS", "PCM", "ENG", "PM")
    return (
        Permission(
            "warranty.view",
            _l("See warranty"),
            _l("Cover of houses, requests and orders."),
            # Who keeps the retention money and decides deductions has to see what they are about.
            (*seeing, "FIN", "COST"),
        ),
        Permission(
            "warranty.configure",
            _l("Set terms and seasons of the warranty"),
            _l("Promises of projects, seasons of cities, take-over of common parts."),
            ("HEAD", "BCS"),
        ),
        Permission(
            "warranty.deem_delivery",
            _l("Deem houses delivered"),
            _l("The right of the legal department; the reason is kept."),
            ("HEAD", "LEG"),
        ),
        Permission(
            "warranty.create_request",
            _l("Take in repair requests"),
            _l("Look up callers and register what they report."),
            seeing,
        ),
        Permission("warranty.edit_order", _l("Correct repair orders"), "", ("HEAD", "PCM", "CCS", "ENG")),
        Permission(
            "warranty.triage_order",
            _l("Assess repair orders"),
            _l("Category, priority, responsibility; refuse, merge, cancel."),
            ("HEAD", "PCM", "CCS", "ENG"),
        ),
        Permission(
            "warranty.override_cover",
            _l("Decide the cover otherwise than by the dates"),
            _l("Goodwill after the end of the term; the reason is kept."),
            ("HEAD", "PCM"),
        ),
        Permission(
            "warranty.dispatch_order",
            _l("Dispatch repair orders"),
            _l("To contractors and engineers."),
            ("HEAD", "PCM", "CCS", "ENG"),
        ),
        Permission(
            "warranty.work_order",
            _l("Work on repair orders"),
            _l("Contacts, visits, plans, and the report that it is finished; on the phone."),
            ("HEAD", "ENG", "PM", "PCM"),
        ),
        Permission(
            "warranty.accept_order",
            _l("Accept repairs"),
            _l("Never one's own repair."),
            ("HEAD", "ENG", "PCM"),
        ),
        Permission(
            "warranty.close_order",
            _l("Close and reopen repair orders"),
            _l("Note the owner's acceptance, close, open again."),
            ("HEAD", "ENG", "PM", "PCM", "CCS"),
        ),
        Permission(
            "warranty.call_back",
            _l("Call owners back after repairs"),
            _l("Never about one's own repair."),
            ("HEAD", "BCS", "CCS"),
        ),
        Permission(
            "warranty.suspend_order",
            _l("Suspend repair orders and move dates"),
            "",
            ("HEAD", "ENG", "PCM"),
        ),
        Permission(
            "warranty.approve_extension",
            _l("Give emergencies more time"),
            _l("72 hours instead of 24, with a reason."),
            ("HEAD", "PCM"),
        ),
        Permission(
            "warranty.tell_region",
            _l("Bring repairs before the region at once"),
            _l("Complaints to the media; the reason is kept."),
            ("HEAD", "PCM", "CCS", "BCS"),
        ),
        Permission(
            "warranty.supplement_signed",
            _l("Supplement signed records of repairs"),
            _l("Say what is different from a record that was signed; the record itself stays as it is."),
            ("HEAD", "ENG", "PCM"),
        ),
        Permission("warranty.edit_costs", _l("Enter costs of repairs"), "", ("HEAD", "ENG", "PCM", "COST")),
        Permission(
            "warranty.issue_notice",
            _l("Issue notices to contractors"),
            "",
            ("HEAD", "ENG", "PCM"),
        ),
        Permission(
            "warranty.deduct",
            _l("Order third parties and prepare deductions"),
            "",
            ("HEAD", "ENG", "COST"),
        ),
        Permission(
            "warranty.decide_deduction",
            _l("Decide objections to deductions"),
            "",
            ("HEAD", "COST"),
        ),
        Permission(
            "warranty.keep_retention",
            _l("Keep retention money"),
            _l("Accounts, deductions, releases."),
            ("HEAD", "FIN", "COST"),
        ),
        Permission(
            "warranty.manage_cases",
            _l("Manage batch problems"),
            "",
            ("HEAD", "PCM", "ENG", "BCS"),
        ),
        Permission("warranty.edit_parts", _l("Keep spare parts"), "", ("HEAD", "ENG", "PM")),
        Permission("warranty.print", _l("Print and issue warranty documents"), "", seeing),
        Permission("warranty.export", _l("Export warranty lists"), "", ("HEAD",)),
    )
