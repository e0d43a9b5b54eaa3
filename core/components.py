"""The modules in which the core declares itself, with the same hooks as a plugin."""

CORE_COMPONENTS: tuple[str, ...] = (
    "core.people.declarations",
    "core.projects.declarations",
    "core.timeline.declarations",
    "core.customers.declarations",
    "core.promises.declarations",
    "core.machinery.attachments.declarations",
    "core.machinery.documents.declarations",
    "core.machinery.signatures.declarations",
    "core.machinery.audit.declarations",
    "core.machinery.clocks.declarations",
    "core.machinery.todos.declarations",
    "core.machinery.jobs.declarations",
    "core.machinery.workflow.declarations",
    "core.machinery.messages.declarations",
    "core.machinery.links.declarations",
    "core.machinery.approvals.declarations",
    "core.admin.machinery_declarations",
    "core.admin.work_declarations",
    "core.admin.declarations",
)

CORE_HOLDINGS: tuple[str, ...] = (
    "core.people.holdings",
    "core.machinery.attachments.holdings",
    "core.machinery.documents.holdings",
    "core.machinery.signatures.holdings",
    "core.machinery.numbering.holdings",
    "core.machinery.clocks.holdings",
    "core.machinery.todos.holdings",
    "core.machinery.jobs.holdings",
    "core.machinery.exchange.holdings",
    "core.machinery.workflow.holdings",
    "core.machinery.messages.holdings",
    "core.machinery.links.holdings",
    "core.machinery.approvals.holdings",
    "core.timeline.holdings",
)
"""The modules that tell what the core keeps of a plugin beside its tables (:mod:`core.plugin_system.holdings`)."""
