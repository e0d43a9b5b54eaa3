"""The modules in which the core declares itself, with the same hooks as a plugin."""

CORE_COMPONENTS: tuple[str, ...] = (
    "core.people.declarations",
    "core.projects.declarations",
    "core.timeline.declarations",
    "core.customers.declarations",
    "core.machinery.attachments.declarations",
    "core.machinery.documents.declarations",
    "core.machinery.audit.declarations",
    "core.admin.machinery_declarations",
    "core.admin.declarations",
)
