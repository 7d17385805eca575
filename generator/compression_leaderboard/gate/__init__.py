"""Validate what comes in from outside before it becomes a record. Bytes in, records out: no IO."""
