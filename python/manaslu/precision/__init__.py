"""Types of operators on the Python side: scales from samples, the search for types, and what types cost in accuracy (docs/precision.md)."""
