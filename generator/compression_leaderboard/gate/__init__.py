"""What comes in from outside, judged before it becomes a record. Bytes in, records out: no IO."""
