"""Demo data with a story: one city company, its departments and staff, a project of 600 flats and 420 buyers."""
