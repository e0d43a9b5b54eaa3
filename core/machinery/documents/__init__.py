"""Printed documents: fonts, the PDF renderer, its worker processes, base template and print stylesheet."""
