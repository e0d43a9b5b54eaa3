"""The peers: applications written as the documentation of their framework says."""
