"""What several plugins need, a folder each; none of the folders knows another's insides."""
