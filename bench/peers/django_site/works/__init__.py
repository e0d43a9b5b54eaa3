"""The long lists of the modules in Django's admin."""
