"""Pictures to numbers: every number a `Measurement`, with its sample count and its interval."""
