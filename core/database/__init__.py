"""The data layer: declarative bases, column types, encryption, connections, and the wall between departments."""
