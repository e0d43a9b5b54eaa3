"""The back office: guarded views, the shell around them, record pages, search and error pages."""
