"""Sessions in Redis, where scripts decide; and answers while Redis is unavailable."""
