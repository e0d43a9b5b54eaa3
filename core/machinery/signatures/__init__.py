"""Signatures on glass: who signed what, when and where, and that it did not change since."""
