"""The promise register 承诺台账: what was promised to customers, by whom, until when, and whether it was kept."""
