"""What comes in from outside: results of other harnesses, shards, bundles."""
